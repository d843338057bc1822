// Queues with what waits in them now, and one of them in its editor.
import { all, call, serverNow } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { nameOf, number, span, t } from "../shared/i18n.js";
import { durationText } from "./durations.js";
import { loadNames } from "./names.js";
import { button, say } from "./parts.js";
import { table } from "./tables.js";

export const PATH = "/v1/queues";
const EVERY_MS = 5000;
const HEADINGS = ["admin.policy.name", "admin.queues.waiting", "admin.queues.oldest", "admin.queues.staffed", "admin.field.tier", "admin.field.priority", "admin.field.target_seconds"];
const FRESH = { name: "", names: {}, team_id: null, tier: 2, priority: 5, target_seconds: 60, offer_timeout_seconds: 30, auto_accept: false, requirements: {}, rings: [], policy: "default", preferred: [], fading: {}, wrap_up: "none", wrap_up_seconds: 600, overflow: [], calendar_id: null, last_agent_memory_seconds: null, last_agent_hold_seconds: null };

export async function open(place, [id]) {
  if (!id) {
    const [queues, lines] = await Promise.all([all(`${PATH}?limit=100`), call("GET", "/v1/queue-lines")]);
    return openList(place, queues.filter((one) => !one.synthetic), lines);
  }
  const [queue] = await Promise.all([id === "new" ? { ...FRESH } : call("GET", `${PATH}/${id}`), loadNames("skill_id")]);
  return (await import("./queue-editor.js")).openEditor(place, queue);
}

function openList(place, queues, given) {
  let lines = given;
  const trouble = el("p", { class: "soft", role: "status" }), shown = el("div", { class: "report" });

  /** Figures change where they stand: a row never moves, and what has the focus keeps it. */
  const rows = queues.map((queue) => {
    const cells = { waiting: el("td", { class: "figure" }), oldest: el("td", { class: "figure" }), staffed: el("td", { class: "figure" }) };
    const name = el("a", { href: `#queues/${queue.id}` });
    const draw = () => {
      const line = lines.find((one) => one.queue.id === queue.id);
      name.textContent = nameOf(queue);
      cells.waiting.textContent = line ? number(line.waiting + line.offered) : "–";
      cells.oldest.textContent = line?.longest_since ? span((serverNow() - Date.parse(line.longest_since)) / 1000) : "–";
      cells.staffed.textContent = line ? t("admin.queues.of", { ready: number(line.ready), staffed: number(line.staffed) }) : "–";
    };
    const element = el("tr", {}, el("th", { scope: "row" }, name), ...Object.values(cells), ...["tier", "priority"].map((part) => el("td", { class: "figure", text: String(queue[part]) })), el("td", { class: "figure", text: durationText(queue.target_seconds) }));
    return { element, draw };
  });

  async function refresh() {
    if (!place.isConnected) return clearInterval(timer);
    if (document.hidden) return;
    try {
      lines = await call("GET", "/v1/queue-lines");
      trouble.textContent = "";
    } catch {
      trouble.textContent = t("admin.queues.stale");
    }
    for (const row of rows) row.draw();
  }

  const draw = () => {
    for (const row of rows) row.draw();
    shown.replaceChildren(rows.length ? table(t("admin.section.queues"), HEADINGS, rows.map((row) => row.element)) : el("div", { class: "empty" }, say("p", "admin.queues.none")));
  };
  draw();
  place.replaceChildren(
    el("div", { class: "head" }, say("h2", "admin.section.queues"), el("span", { class: "gap" }), button("admin.queues.new", () => { location.hash = "queues/new"; }, { look: "filled", shape: "plus" })),
    say("p", "admin.queues.about", { class: "soft" }), trouble, shown);
  const timer = setInterval(refresh, EVERY_MS);
  return { redraw: draw };
}
