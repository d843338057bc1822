// The form of a routing rule: for which conversations it is, what it sets, and whether later rules are asked.
import { el } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { choices } from "./names.js";
import { checkbox, field, group, listOf, say } from "./parts.js";
import { boxes, wordsField } from "./policy-form.js";
import { Wrong } from "./wrong.js";

const WORDS = ["channels", "brands", "categories", "segments", "languages"];
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MOST_SKILLS = 20;
const SEPARATOR = /[,，、;；]/;

/** The options of a list, and the value that is stored although it is gone, so that it is not lost unseen. */
function withGone(options, value) {
  const gone = value !== null && value !== undefined && !options.some(([each]) => each === value);
  return gone ? [...options, [value, t("admin.gone")]] : options;
}

function parted(text) {
  return text.split(SEPARATOR).map((one) => one.trim()).filter(Boolean);
}

function hoursPart(value) {
  const zone = el("input", { value: value?.zone ?? "", maxLength: 64, list: "rule-zones", autocomplete: "off", spellcheck: false });
  const zones = el("datalist", { id: "rule-zones" }, ...Intl.supportedValuesOf("timeZone").map((name) => el("option", { value: name })));
  const days = Object.fromEntries(DAYS.map((day) => [day, el("input", { value: (value?.weekly[day] ?? []).join(", "), autocomplete: "off" })]));
  const outside = checkbox("admin.rules.outside", value?.outside ?? false);
  const element = group("hours", "admin.field.hours", say("p", "admin.rules.hours_hint", { class: "soft" }), field("zone", "admin.field.timezone", zone, "admin.rules.zone_hint"), zones,
    el("div", { class: "fields", data: { part: "weekly" } }, ...DAYS.map((day) => field(day, `admin.field.${day}`, days[day]))), outside.element);
  const read = () => {
    const weekly = Object.fromEntries(DAYS.map((day) => [day, parted(days[day].value)]).filter(([, spans]) => spans.length));
    return zone.value.trim() || Object.keys(weekly).length ? { zone: zone.value.trim(), weekly, outside: outside.box.checked } : null;
  };
  return { element, read };
}

function attributesPart(value) {
  const area = el("textarea", { rows: 2, value: Object.entries(value ?? {}).map(([name, values]) => `${name} = ${values.join(", ")}`).join("\n") });
  const read = () => Object.fromEntries(area.value.split("\n").filter((line) => line.trim()).map((line) => {
    const [name, values] = [line.slice(0, line.indexOf("=")).trim(), parted(line.slice(line.indexOf("=") + 1))];
    if (!line.includes("=") || !name || !values.length) throw new Wrong(area, "admin.wrong.attribute");
    return [name, values];
  }));
  return { element: field("attributes", "admin.field.attributes", area, "admin.rules.attributes_hint"), read };
}

function conditionsPart(value) {
  const parts = Object.fromEntries(WORDS.map((part) => [part, wordsField(part, value[part] ?? [])]));
  const words = WORDS.map((part) => parts[part].element);
  const accounts = choices("channel_account_id");
  if (accounts.length) parts.channel_account_ids = boxes("channel_account_ids", accounts, value.channel_account_ids ?? []);
  parts.attributes = attributesPart(value.attributes);
  parts.hours = hoursPart(value.hours);
  const element = group("conditions", "admin.policy.for_whom", say("p", "admin.rules.conditions_hint", { class: "soft" }), el("div", { class: "fields" }, ...words), parts.channel_account_ids?.element, parts.attributes.element, parts.hours.element);
  return { element, read: () => ({ channel_account_ids: value.channel_account_ids ?? [], ...Object.fromEntries(Object.entries(parts).map(([part, one]) => [part, one.read()])) }) };
}

/** A select of fixed values beside "not set"; numbers stay numbers. */
function choice(part, known, value, hint = null) {
  const options = withGone(known, value);
  const select = el("select", {}, el("option", { value: "", text: t("admin.rules.not_set") }), ...options.map(([each, text]) => el("option", { value: String(each), text })));
  select.value = value === null || value === undefined ? "" : String(value);
  return { element: field(part, `admin.field.${part}`, select, hint), read: () => (select.value === "" ? null : options.find(([each]) => String(each) === select.value)[0]) };
}

function skillRow({ skill, level }) {
  const which = el("select", {}, ...withGone(choices("skill_id"), skill).map(([id, text]) => el("option", { value: id, text, selected: id === skill })));
  const least = el("input", { type: "number", min: 1, max: 10, value: level });
  return { element: el("div", { class: "inline" }, field("skill", "admin.field.skill", which), field("level", "admin.field.level", least)), read: () => [which.value, Number(least.value)] };
}

function effectsPart(value) {
  const counts = (most) => Array.from({ length: most + 1 }, (_, each) => [each, String(each)]);
  const language = el("input", { value: value.language ?? "", maxLength: 35, autocomplete: "off" });
  const skills = listOf(Object.entries(value.requirements ?? {}).map(([skill, level]) => ({ skill, level })), skillRow, { add: "admin.rules.add_skill", remove: "admin.rules.remove_skill", fresh: () => ({ level: 1 }), most: MOST_SKILLS });
  const parts = {
    queue_id: choice("queue_id", choices("queue_id"), value.queue_id),
    tier: choice("tier", [[0, t("admin.rules.tier_0")], [1, t("admin.rules.tier_1")], [2, t("admin.rules.tier_2")]], value.tier),
    priority: choice("priority", counts(9), value.priority, "admin.rules.priority_hint"),
    language: { element: field("language", "admin.field.language", language, "admin.rules.language_hint"), read: () => language.value.trim() || null },
  };
  const element = group("effects", "admin.rules.sets", say("p", "admin.rules.sets_hint", { class: "soft" }), el("div", { class: "fields" }, ...Object.values(parts).map((one) => one.element)), choices("skill_id").length > 0 && group("requirements", "admin.field.requirements", skills.element));
  return { element, read: () => ({ ...Object.fromEntries(Object.entries(parts).map(([part, one]) => [part, one.read()])), requirements: Object.fromEntries(skills.read()) }) };
}

/** { element, read } */
export function ruleForm(rule) {
  const name = el("input", { value: rule.name, maxLength: 120, autocomplete: "off", autofocus: !rule.name });
  const enabled = checkbox("admin.rules.enabled", rule.enabled), stop = checkbox("admin.rules.stop", rule.stop);
  const conditions = conditionsPart(rule.conditions), effects = effectsPart(rule.effects);
  const element = el("div", { class: "form-body" }, field("name", "admin.policy.name", name), enabled.element, conditions.element, effects.element, stop.element);
  return { element, read: () => ({ name: name.value.trim(), enabled: enabled.box.checked, conditions: conditions.read(), effects: effects.read(), stop: stop.box.checked }) };
}
