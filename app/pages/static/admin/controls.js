// Controls that several forms share: one of a list, several of it, skills with the least level of each.
import { el } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { choices } from "./names.js";
import { field, group, listOf } from "./parts.js";
import { Wrong } from "./wrong.js";

const MOST_SKILLS = 20;
export const CHANNELS = ["chat", "email", "phone", "social", "sms", "task"];

/** The options of a list, and the value that is stored although it is gone, so that it is not lost unseen. */
export function withGone(options, value) {
  const gone = value !== null && value !== undefined && !options.some(([each]) => each === value);
  return gone ? [...options, [value, t("admin.gone")]] : options;
}

/** A select of fixed values, beside `none` (the text of "not set") if it may be null; numbers stay numbers. */
export function choice(part, known, value, { hint = null, none = null } = {}) {
  const options = withGone(known, value);
  const select = el("select", {}, none && el("option", { value: "", text: t(none) }), ...options.map(([each, text]) => el("option", { value: String(each), text })));
  select.value = value === null || value === undefined ? "" : String(value);
  return { element: field(part, `admin.field.${part}`, select, hint), read: () => (select.value === "" ? null : options.find(([each]) => String(each) === select.value)[0]) };
}

export function tiers() {
  return [[0, t("admin.rules.tier_0")], [1, t("admin.rules.tier_1")], [2, t("admin.rules.tier_2")]];
}

function skillRow({ skill, level }, label) {
  const which = el("select", {}, ...withGone(choices("skill_id"), skill).map(([id, text]) => el("option", { value: id, text, selected: id === skill })));
  const least = el("input", { type: "number", min: 1, max: 10, value: level });
  return { element: el("div", { class: "inline" }, field("skill", "admin.field.skill", which), field("level", label, least)), read: () => [which.value, Number(least.value), which] };
}

/** Boxes to tick; `options` are [value, text]. What was chosen keeps its order, also what is gone. */
export function boxes(part, known, chosen) {
  const options = chosen.reduce(withGone, known);
  const made = options.map(([value, text]) => {
    const box = el("input", { type: "checkbox", checked: chosen.includes(value) });
    return { value, box, element: el("label", { class: "check" }, box, el("span", { text })) };
  });
  const read = () => {
    const ticked = made.filter((one) => one.box.checked).map((one) => one.value);
    return [...chosen.filter((value) => ticked.includes(value)), ...ticked.filter((value) => !chosen.includes(value))];
  };
  return { element: group(part, `admin.field.${part}`, el("div", { class: "checks" }, ...made.map((one) => one.element))), read };
}

/** { key: value } of [key, value, control] rows. Raises Wrong with the text `key` where one is there twice. */
export function once(rows, key) {
  const found = {};
  for (const [name, value, control] of rows) {
    if (name in found) throw new Wrong(control, key);
    found[name] = value;
  }
  return found;
}

/** Skills by id with a level each. `label`: what the level is. */
export function skillLevels(part, levels, { legend = "admin.field.requirements", label = "admin.field.level", most = MOST_SKILLS } = {}) {
  const list = listOf(Object.entries(levels).map(([skill, level]) => ({ skill, level })), (value) => skillRow(value, label), { add: "admin.rules.add_skill", remove: "admin.rules.remove_skill", fresh: () => ({ level: 1 }), most: choices("skill_id").length ? most : 0 });
  return { element: group(part, legend, list.element), read: () => once(list.read(), "admin.wrong.skill_twice") };
}
