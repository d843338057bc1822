// The form of a routing rule: for which conversations it is, what it sets, and whether later rules are asked.
import { el } from "../shared/dom.js";
import { boxes, choice, skillLevels, tiers } from "./controls.js";
import { choices } from "./names.js";
import { checkbox, field, group, say } from "./parts.js";
import { wordsField } from "./policy-form.js";
import { Wrong } from "./wrong.js";

const WORDS = ["channels", "brands", "categories", "segments", "languages"];
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const SEPARATOR = /[,，、;；]/;

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

function effectsPart(value) {
  const counts = (most) => Array.from({ length: most + 1 }, (_, each) => [each, String(each)]);
  const language = el("input", { value: value.language ?? "", maxLength: 35, autocomplete: "off" });
  const known = choices("skill_id");
  const skills = skillLevels("requirements", value.requirements ?? {}), preferred = boxes("preferred", known, value.preferred ?? []);
  const parts = {
    queue_id: choice("queue_id", choices("queue_id"), value.queue_id, { none: "admin.rules.not_set" }),
    tier: choice("tier", tiers(), value.tier, { none: "admin.rules.not_set" }),
    priority: choice("priority", counts(9), value.priority, { hint: "admin.rules.priority_hint", none: "admin.rules.not_set" }),
    language: { element: field("language", "admin.field.language", language, "admin.rules.language_hint"), read: () => language.value.trim() || null },
  };
  const element = group("effects", "admin.rules.sets", say("p", "admin.rules.sets_hint", { class: "soft" }), el("div", { class: "fields" }, ...Object.values(parts).map((one) => one.element)), known.length > 0 && skills.element, known.length > 0 && preferred.element);
  return { element, read: () => ({ ...Object.fromEntries(Object.entries(parts).map(([part, one]) => [part, one.read()])), requirements: skills.read(), preferred: preferred.read() }) };
}

/** { element, read } */
export function ruleForm(rule) {
  const name = el("input", { value: rule.name, maxLength: 120, autocomplete: "off", autofocus: !rule.name });
  const enabled = checkbox("admin.rules.enabled", rule.enabled), stop = checkbox("admin.rules.stop", rule.stop);
  const conditions = conditionsPart(rule.conditions), effects = effectsPart(rule.effects);
  const element = el("div", { class: "form-body" }, field("name", "admin.policy.name", name), enabled.element, conditions.element, effects.element, stop.element);
  return { element, read: () => ({ name: name.value.trim(), enabled: enabled.box.checked, conditions: conditions.read(), effects: effects.read(), stop: stop.box.checked }) };
}
