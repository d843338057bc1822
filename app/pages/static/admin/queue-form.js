// The form of a queue. A further setting is a line among the parts of its group: { element, read } of the API's value.
import { el } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { boxes, choice, once, skillLevels, tiers, withGone } from "./controls.js";
import { durationField } from "./durations.js";
import { textsByLanguage } from "./languages.js";
import { choices } from "./names.js";
import { checkbox, field, group, listOf, say } from "./parts.js";
import { overflow } from "./queue-overflow.js";

const POLICIES = ["default", "longest_idle", "least_loaded"];
const WRAP_UPS = ["none", "timed", "required"];
const MOST_RINGS = 5;
const MOST_FADING = 3;
const FRESH_FADE = { step_seconds: 60, floor: 1 };
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

function fadingRow([skill, value]) {
  const which = el("select", {}, ...withGone(choices("skill_id"), skill).map(([id, text]) => el("option", { value: id, text, selected: id === skill })));
  const step = durationField("step_seconds", "admin.field.step_seconds", value.step_seconds);
  const floor = el("input", { type: "number", min: 1, max: 9, value: value.floor });
  return {
    element: el("div", { class: "inline" }, field("skill", "admin.field.skill", which), step.element, field("floor", "admin.field.floor", floor)),
    read: () => [which.value, { ...value, step_seconds: step.read(), floor: floor.value === "" ? null : Number(floor.value) }, which],
  };
}

/** By skill, how its least level falls while work waits. */
function fading(values) {
  const fresh = () => [choices("skill_id").find(([id]) => !list.read().some(([taken]) => taken === id))?.[0] ?? choices("skill_id")[0][0], { ...FRESH_FADE }];
  const list = listOf(Object.entries(values), fadingRow, { add: "admin.rules.add_skill", remove: "admin.rules.remove_skill", most: choices("skill_id").length ? MOST_FADING : 0, fresh });
  return { element: group("fading", "admin.field.fading", say("p", "admin.queues.fading_hint", { class: "soft" }), list.element), read: () => once(list.read(), "admin.wrong.skill_twice") };
}

const elements = (parts) => Object.values(parts).map((part) => part.element);
const read = (parts) => Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.read()]));

const section = (legend, parts) => el("fieldset", {}, say("legend", legend), el("div", { class: "fields" }, ...elements(parts)));

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
  const after = {
    wrap_up: choice("wrap_up", WRAP_UPS.map((name) => [name, t(`admin.queues.wrap_up.${name}`)]), queue.wrap_up),
    wrap_up_seconds: durationField("wrap_up_seconds", "admin.field.wrap_up_seconds", queue.wrap_up_seconds, "admin.queues.wrap_up_hint"),
  };
  const last = {
    last_agent_memory_seconds: durationField("last_agent_memory_seconds", "admin.field.last_agent_memory_seconds", queue.last_agent_memory_seconds, "admin.queues.memory_hint"),
    last_agent_hold_seconds: durationField("last_agent_hold_seconds", "admin.field.last_agent_hold_seconds", queue.last_agent_hold_seconds, "admin.queues.hold_hint"),
  };
  const who = {
    requirements: skillLevels("requirements", queue.requirements), fading: fading(queue.fading),
    preferred: boxes("preferred", choices("skill_id"), queue.preferred), rings: rings(queue.rings),
  };
  const beyond = {
    calendar_id: choice("calendar_id", choices("calendar_id"), queue.calendar_id, { none: "admin.policy.round_the_clock", hint: "admin.queues.calendar_hint" }),
    overflow: overflow(queue.overflow, queue.id),
  };
  const element = el("div", { class: "form-body" }, ...elements(identity),
    section("admin.queues.order", order), section("admin.queues.offers", offers),
    section("admin.queues.last_agent", last), ...elements(who), ...elements(beyond), section("admin.queues.after", after));
  return { element, read: () => ({ ...settingsOf(queue), ...read({ ...identity, ...order, ...offers, ...last, ...who, ...beyond, ...after }) }) };
}
