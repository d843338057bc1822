// The list of routing rules as the API keeps it, and a rule's parts in words.
import { call } from "../shared/api.js";
import { t } from "../shared/i18n.js";
import { newId } from "../shared/socket.js";
import { choices, nameById, word } from "./names.js";

export const PATH = "/v1/routing-rules";
const ID_LISTS = ["channel_account_ids"];

export function storeRules(rules, version, key = newId()) {
  return call("PUT", PATH, { rules }, { key, version });
}

function pair(name, value) {
  return t("admin.pair", { name: word(`admin.field.${name}`), value });
}

export function hoursWords({ zone, weekly, outside }) {
  const days = Object.entries(weekly).filter(([, spans]) => spans.length).map(([day, spans]) => t("admin.pair", { name: t(`admin.field.${day}`), value: spans.join(t("admin.and")) }));
  return t(outside ? "admin.rules.outside_of" : "admin.rules.within", { hours: days.join(t("admin.between")), zone });
}

export function conditionWords({ hours, attributes = {}, ...lists }) {
  const said = Object.entries(lists).filter(([, values]) => values?.length).map(([name, values]) => pair(name, (ID_LISTS.includes(name) ? values.map(nameById) : values).join(t("admin.and"))));
  for (const [name, values] of Object.entries(attributes)) said.push(t("admin.pair", { name, value: values.join(t("admin.and")) }));
  if (hours) said.push(hoursWords(hours));
  return said.join(" · ") || t("admin.policy.everything");
}

export function effectWords(effects) {
  const said = [];
  if (effects.queue_id) said.push(pair("queue_id", nameById(effects.queue_id)));
  for (const name of ["tier", "priority"]) if (effects[name] !== null && effects[name] !== undefined) said.push(pair(name, String(effects[name])));
  if (effects.language) said.push(pair("language", effects.language));
  if (effects.preferred?.length) said.push(pair("preferred", effects.preferred.map(nameById).join(t("admin.and"))));
  for (const [skill, level] of Object.entries(effects.requirements ?? {})) said.push(t("admin.rules.skill_at", { name: nameById(skill), level }));
  return said.join(" · ");
}

/** What a rule set, by the names of its fields. */
export function setWords(fields) {
  const skills = new Map(choices("skill_id"));
  return fields.map((name) => (name.startsWith("requirements.") ? skills.get(name.slice(13)) ?? t("admin.gone") : word(`admin.field.${name}`))).join(t("admin.and"));
}
