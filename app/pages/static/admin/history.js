// The versions of a calendar or a policy: who, when, and what it changed.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { fullMoment, moment, t } from "../shared/i18n.js";
import { fieldWords, loadNames, personName, valueWords } from "./names.js";
import { button, failure, say } from "./parts.js";

function editWords({ path, before, after }) {
  return el("li", {}, el("b", { text: fieldWords(path) }), " ", el("del", { text: valueWords(path, before) }), " → ", el("ins", { text: valueWords(path, after) }));
}

function versionRow({ version, made_at: at, made_by: by, edits }) {
  return el("li", {},
    el("p", {}, el("b", { text: t("admin.history.version", { version }) }), " · ", el("time", { text: moment(at), title: fullMoment(at), dateTime: at }), " · ", personName(by)),
    edits.length ? el("ul", { class: "edits" }, ...edits.map(editWords)) : say("p", version === 1 ? "admin.history.first" : "admin.history.same", { class: "soft" }));
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
  const load = async (cursor) => {
    try {
      const page = await call("GET", `${it.path}/${it.thing.id}/versions?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      list.append(...page.items.map(versionRow));
      more.replaceChildren(...(page.next_cursor ? [button("admin.history.more", () => load(page.next_cursor))] : []));
    } catch (problem) {
      more.replaceChildren(failure(problem, () => load(cursor)));
    }
  };
  await loadNames();
  await load(null);
}
