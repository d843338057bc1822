// On which terms an agent gets work: skills with levels, whether offers are asked or given, units, limits by channel, and the queues; saved together.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { CHANNELS, boxes, choice, once, skillLevels } from "./controls.js";
import { editor } from "./editor.js";
import { choices, nameById } from "./names.js";
import { checkbox, field, group, listOf, say } from "./parts.js";

const MOST_SKILLS = 50;
const byId = (one, other) => (one < other ? -1 : 1);
const inOrder = (limits) => Object.fromEntries(Object.entries(limits).sort(byId));

/** The API's list of skills; who may not change it sees it, and it is sent back as it came. */
function skillsPart(skills, mayChange) {
  if (!mayChange) {
    const words = skills.map((one) => t("admin.agents.skill_at", { name: nameById(one.skill_id), level: one.proficiency })).join(" · ");
    return { element: group("skills", "admin.field.skills", el("p", { text: words || "–" }), say("p", "admin.agents.skills_by_admins", { class: "soft" })), read: () => skills };
  }
  const levels = skillLevels("skills", Object.fromEntries(skills.map((one) => [one.skill_id, one.proficiency])), { legend: "admin.field.skills", label: "admin.agents.level", most: MOST_SKILLS });
  return { element: levels.element, read: () => Object.entries(levels.read()).map(([skill, proficiency]) => ({ skill_id: skill, proficiency })).sort((one, other) => byId(one.skill_id, other.skill_id)) };
}

function autoAcceptPart(value, mayChange) {
  const { element, box } = checkbox("admin.agents.auto_accept", value);
  box.disabled = !mayChange;
  return { element: el("div", { data: { part: "auto_accept" } }, element, !mayChange && say("p", "admin.agents.by_admins", { class: "soft" })), read: () => box.checked };
}

function limitRow([name, most]) {
  const channel = choice("channel", CHANNELS.map((each) => [each, t(`admin.channel.${each}`)]), name);
  const limit = el("input", { type: "number", min: 0, max: 100, value: most });
  return { element: el("div", { class: "inline" }, channel.element, field("limit", "admin.agents.at_most", limit)), read: () => [channel.read(), Number(limit.value), channel.element.querySelector("select")] };
}

function limitsPart(limits) {
  const unused = () => CHANNELS.find((name) => !list.read().some(([each]) => each === name)) ?? CHANNELS[0];
  const list = listOf(Object.entries(limits).sort(byId), limitRow, { add: "admin.agents.add_limit", remove: "admin.agents.remove_limit", fresh: () => [unused(), 1], most: CHANNELS.length });
  return { element: group("channel_limits", "admin.field.channel_limits", say("p", "admin.agents.limits_hint", { class: "soft" }), list.element), read: () => inOrder(once(list.read(), "admin.wrong.channel_twice")) };
}

function unitsPart(units) {
  const input = el("input", { type: "number", min: 1, max: 1000, value: units });
  return { element: field("capacity_units", "admin.field.capacity_units", input, "admin.agents.units_hint"), read: () => Number(input.value) };
}

function documentOf({ skills, auto_accept: accepts, capacity_units: units, channel_limits: limits, queue_ids: queues }) {
  return { skills: [...skills].sort((one, other) => byId(one.skill_id, other.skill_id)), auto_accept: accepts, capacity_units: units, channel_limits: inOrder(limits), queue_ids: [...queues].sort() };
}

export function openEditor(place, terms, mayChange) {
  const path = `/v1/agents/${terms.agent_id}/terms`;
  const thing = { ...terms, id: terms.agent_id };
  const isKnown = (id) => choices("queue_id").some(([known]) => known === id);
  const queues = boxes("queue_ids", choices("queue_id"), thing.queue_ids.filter(isKnown));
  const hidden = thing.queue_ids.filter((id) => !isKnown(id));
  const parts = { skills: skillsPart(documentOf(thing).skills, mayChange), auto_accept: autoAcceptPart(thing.auto_accept, mayChange), capacity_units: unitsPart(thing.capacity_units), channel_limits: limitsPart(thing.channel_limits), queue_ids: { element: queues.element, read: () => [...queues.read(), ...hidden].sort() } };
  const changes = (mine) => Object.fromEntries(Object.entries(mine).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(documentOf(thing)[name])));
  const shell = editor(place, {
    thing,
    fresh: "admin.section.agents",
    back: "admin.agents.back",
    list: "agents",
    read: () => Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.read()])),
    documentOf,
    send: (mine, { version }) => call("PATCH", path, changes(mine), { version }),
    reopen: (stored) => openEditor(place, stored, mayChange),
    find: () => call("GET", path),
  }, el("div", { class: "form-body" }, ...Object.values(parts).map((part) => part.element)), el("div"));
  return { redraw: shell.redraw };
}
