// Lets open conversations adopt edited policies: counted first, page by page, then the real thing with its progress.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { number, t } from "../shared/i18n.js";
import { button, failure, say } from "./parts.js";

const PAGE = 500;

export async function open(place) {
  let state = { done: null, running: false, dry: true, looked: 0, changed: 0, problem: null };
  const status = el("p", { role: "status" });
  const bar = el("progress", { hidden: true });
  const trouble = el("div");
  const count = button("admin.adoption.count", () => run(true), { look: "filled" });
  const adopt = button("admin.adoption.adopt", () => { if (confirm(t("admin.adoption.sure", { count: state.changed }))) run(false); });

  function draw() {
    const { running, dry, looked, changed, done } = state;
    bar.hidden = !running;
    bar.setAttribute("aria-label", t("admin.section.adoption"));
    count.disabled = running;
    adopt.hidden = !(done && dry && !running && changed);
    const values = { looked: number(looked), count: changed };
    status.textContent = running ? t("admin.adoption.running", values) : done ? t(dry ? "admin.adoption.counted" : "admin.adoption.adopted", values) : "";
  }

  /** Page by page, so that no request is long and everybody sees how far it is. */
  async function run(dry) {
    state = { done: false, running: true, dry, looked: 0, changed: 0 };
    trouble.replaceChildren();
    draw();
    let after = null;
    try {
      do {
        const page = await call("POST", "/v1/sla/adoption", { dry_run: dry, after, limit: PAGE });
        state.looked += page.looked_at;
        state.changed += page.affected;
        after = page.next_after;
        draw();
      } while (after && place.isConnected);
      state.done = true;
    } catch (problem) {
      trouble.replaceChildren(failure(problem, () => run(dry)));
    }
    state.running = false;
    draw();
  }

  place.replaceChildren(el("div", { class: "head" }, say("h2", "admin.section.adoption")), el("div", { class: "card" },
    say("p", "admin.adoption.about"), el("div", { class: "actions start" }, count, adopt), bar, status, trouble));
  draw();
  return { redraw: draw };
}
