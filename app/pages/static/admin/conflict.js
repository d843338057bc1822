// Somebody saved while we were editing: both texts side by side, field by field.
import { el } from "../shared/dom.js";
import { moment, t } from "../shared/i18n.js";
import { fieldWords, personName, valueWords } from "./names.js";
import { button, say } from "./parts.js";

/** The paths at which two documents differ, with both values; lists are compared as wholes. */
export function differences(one, other, path = "") {
  if (JSON.stringify(one) === JSON.stringify(other)) return [];
  const nested = [one, other].every((value) => value && typeof value === "object" && !Array.isArray(value));
  if (!nested) return [[path, one, other]];
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].flatMap((name) => differences(one[name] ?? null, other[name] ?? null, path ? `${path}.${name}` : name));
}

/** `told`: version, and who made it and when where the refusal says so. */
function titleOf({ version, made_by: by, made_at: at }) {
  return by && at ? t("admin.conflict.title_by", { version, name: personName(by), at: moment(at) }) : t("admin.conflict.title", { version });
}

export function conflict(theirs, mine, told, { keepMine, takeTheirs }) {
  const title = titleOf(told);
  const rows = differences(theirs, mine).map(([path, left, right]) => el("tr", {}, el("th", { scope: "row", text: fieldWords(path) }), el("td", { text: valueWords(path, left) }), el("td", { text: valueWords(path, right) })));
  return el("section", { class: "conflict", role: "alert" },
    el("h3", { tabIndex: -1, text: title }), say("p", "admin.conflict.text"),
    el("div", { class: "table", tabIndex: 0, role: "region", "aria-label": title }, el("table", {},
      el("thead", {}, el("tr", {}, ...["field", "theirs", "mine"].map((name) => say("th", `admin.conflict.${name}`, { scope: "col" })))), el("tbody", {}, ...rows))),
    el("div", { class: "actions start" }, button("admin.conflict.keep_mine", keepMine), button("admin.conflict.take_theirs", takeTheirs)));
}
