// Somebody saved while we were editing: both texts side by side, field by field.
import { el } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { fieldWords, valueWords } from "./names.js";
import { button, say } from "./parts.js";

/** The paths at which two documents differ, with both values; lists are compared as wholes. */
export function differences(one, other, path = "") {
  if (JSON.stringify(one) === JSON.stringify(other)) return [];
  const nested = [one, other].every((value) => value && typeof value === "object" && !Array.isArray(value));
  if (!nested) return [[path, one, other]];
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].flatMap((name) => differences(one[name] ?? null, other[name] ?? null, path ? `${path}.${name}` : name));
}

export function conflict(theirs, mine, version, { keepMine, takeTheirs }) {
  const rows = differences(theirs, mine).map(([path, left, right]) => el("tr", {}, el("th", { scope: "row", text: fieldWords(path) }), el("td", { text: valueWords(path, left) }), el("td", { text: valueWords(path, right) })));
  return el("section", { class: "conflict", role: "alert" },
    el("h3", { tabIndex: -1, text: t("admin.conflict.title", { version }) }), say("p", "admin.conflict.text"),
    el("div", { class: "table", tabIndex: 0, role: "region", "aria-label": t("admin.conflict.title", { version }) }, el("table", {},
      el("thead", {}, el("tr", {}, ...["field", "theirs", "mine"].map((name) => say("th", `admin.conflict.${name}`, { scope: "col" })))), el("tbody", {}, ...rows))),
    el("div", { class: "actions start" }, button("admin.conflict.keep_mine", keepMine), button("admin.conflict.take_theirs", takeTheirs)));
}
