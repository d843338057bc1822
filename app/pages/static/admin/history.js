// The versions of a calendar, a policy, a queue or the rules: who, when, what it changed, and the way back to it.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { fullMoment, moment, t } from "../shared/i18n.js";
import { newId } from "../shared/socket.js";
import { settle } from "./leaving.js";
import { fieldWords, loadNames, personName, valueWords } from "./names.js";
import { button, failure, say } from "./parts.js";

function editWords({ path, before, after }) {
  return el("li", {}, el("b", { text: fieldWords(path) }), " ", el("del", { text: valueWords(path, before) }), " → ", el("ins", { text: valueWords(path, after) }));
}

function versionRow({ version, made_at: at, made_by: by, edits }, again) {
  return el("li", {},
    el("p", {}, el("b", { text: t("admin.history.version", { version }) }), " · ", el("time", { text: moment(at), title: fullMoment(at), dateTime: at }), " · ", personName(by)),
    edits.length ? el("ul", { class: "edits" }, ...edits.map(editWords)) : say("p", version === 1 ? "admin.history.first" : "admin.history.same", { class: "soft" }), again || "");
}

export async function showHistory(it, opener) {
  const list = el("ol", { class: "history" });
  const more = el("div", { class: "actions" });
  const dialog = el("dialog", { class: "wide", "aria-labelledby": "history-title" },
    el("h2", { id: "history-title", text: t("admin.history.title", { name: it.thing.name }) }), list, more,
    el("div", { class: "actions" }, button("common.close", () => dialog.close())));
  dialog.addEventListener("close", () => { dialog.remove(); opener.focus(); });
  document.body.append(dialog);
  dialog.showModal();
  const restore = async (version) => {
    try {
      const stored = await it.restore(version, { key: newId(), version: it.thing.version });
      settle();
      dialog.close();
      it.reopen(stored);
      const bar = document.querySelector(".editor .bar");
      if (!bar) return;
      bar.querySelector("[role=status]").textContent = t("admin.saved", { version: stored.version });
      bar.querySelector("button:has([data-icon=clock])").focus();
    } catch (problem) {
      more.replaceChildren(failure(problem, null));
      more.scrollIntoView({ block: "nearest" });
    }
  };
  const again = ({ version }) => it.restore && version !== it.thing.version && button("admin.history.restore", () => restore(version), { look: "quiet", "aria-label": t("admin.history.restore_one", { version }) });
  const load = async (cursor) => {
    try {
      const page = await call("GET", `${[it.path, it.thing.id, "versions"].filter(Boolean).join("/")}?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      list.append(...page.items.map((one) => versionRow(one, again(one))));
      if (!list.children.length) list.append(say("li", "admin.history.none", { class: "soft" }));
      more.replaceChildren(...(page.next_cursor ? [button("admin.history.more", () => load(page.next_cursor))] : []));
    } catch (problem) {
      more.replaceChildren(failure(problem, () => load(cursor)));
    }
  };
  await loadNames();
  await load(null);
}
