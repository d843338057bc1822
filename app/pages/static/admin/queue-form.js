// The form of a queue. A further setting is a line among the parts of its group: { element, read } of the API's value.
import { el } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { boxes, choice, skillLevels, tiers } from "./controls.js";
import { durationField } from "./durations.js";
import { textsByLanguage } from "./languages.js";
import { choices } from "./names.js";
import { checkbox, field, group, listOf, say } from "./parts.js";

const POLICIES = ["default", "longest_idle", "least_loaded"];
const MOST_RINGS = 5;
const RING_STEP = 60;
/** Of a stored queue everything else is a setting, also what this page does not know yet: it is sent as it was. */
const NOT_SETTINGS = ["id", "version", "synthetic"];

export function settingsOf(queue) {
  return Object.fromEntries(Object.entries(queue).filter(([name]) => !NOT_SETTINGS.includes(name)));
}

function text(part, key, value, { most = 100, ...properties } = {}) {
  const input = el("input", { value, maxLength: most, autocomplete: "off", ...properties });
  return { element: field(part, key, input), read: () => input.value.trim() };
}

function flag(part, key, value) {
  const { element, box } = checkbox(key, value);
  return { element: el("div", { data: { part } }, element), read: () => box.checked };
}

function names(value) {
  return textsByLanguage("names", "admin.field.names", value, { control: (said) => el("input", { value: said, maxLength: 100, autocomplete: "off" }), label: "admin.policy.name" });
}

/** What a ring asks instead, or null: it keeps what is asked before it. */
function replaced(value) {
  const { element: check, box } = checkbox("admin.queues.replaces", value !== null);
  const skills = skillLevels("requirements", value ?? {});
  const look = () => { skills.element.hidden = !box.checked; };
  box.addEventListener("change", look);
  look();
  return { element: el("div", { class: "nested" }, check, skills.element), read: () => (box.checked ? skills.read() : null) };
}

function ring(value) {
  const parts = {
    enter_after_seconds: durationField("enter_after_seconds", "admin.field.enter_after_seconds", value.enter_after_seconds),
    requirements: replaced(value.requirements ?? null),
    groups: boxes("groups", choices("team_id"), value.groups ?? []),
  };
  return { element: el("div", { class: "threshold" }, ...elements(parts)), read: () => ({ ...value, ...read(parts) }) };
}

function rings(values) {
  const list = listOf(values, ring, { add: "admin.queues.add_ring", remove: "admin.queues.remove_ring", most: MOST_RINGS, fresh: () => ({ enter_after_seconds: RING_STEP * (list.read().length + 1), requirements: null, groups: [] }) });
  return { element: group("rings", "admin.field.rings", say("p", "admin.queues.rings_hint", { class: "soft" }), list.element), read: list.read };
}

const elements = (parts) => Object.values(parts).map((part) => part.element);
const read = (parts) => Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.read()]));

/** { element, read } */
export function queueForm(queue) {
  const identity = {
    name: text("name", "admin.policy.name", queue.name, { autofocus: !queue.name }),
    names: names(queue.names),
  };
  const order = {
    team_id: choice("team_id", choices("team_id"), queue.team_id, { none: "admin.queues.no_team", hint: "admin.queues.team_hint" }),
    tier: choice("tier", tiers(), queue.tier),
    priority: choice("priority", Array.from({ length: 10 }, (_, each) => [each, String(each)]), queue.priority, { hint: "admin.rules.priority_hint" }),
    target_seconds: durationField("target_seconds", "admin.field.target_seconds", queue.target_seconds, "admin.queues.target_hint"),
    policy: choice("policy", POLICIES.map((name) => [name, t(`admin.queues.policy.${name}`)]), queue.policy),
  };
  const offers = {
    offer_timeout_seconds: durationField("offer_timeout_seconds", "admin.field.offer_timeout_seconds", queue.offer_timeout_seconds, "admin.queues.timeout_hint"),
    auto_accept: flag("auto_accept", "admin.queues.auto_accept", queue.auto_accept),
  };
  const who = { requirements: skillLevels("requirements", queue.requirements), rings: rings(queue.rings) };
  const element = el("div", { class: "form-body" }, ...elements(identity),
    el("fieldset", {}, say("legend", "admin.queues.order"), el("div", { class: "fields" }, ...elements(order))),
    el("fieldset", {}, say("legend", "admin.queues.offers"), el("div", { class: "fields" }, ...elements(offers))),
    ...elements(who));
  return { element, read: () => ({ ...settingsOf(queue), ...read({ ...identity, ...order, ...offers, ...who }) }) };
}
