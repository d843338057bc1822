// The form of a policy: whom it is for, what it promises, what happens on the way, and whom a breach goes to.
import { el } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { actionList } from "./actions.js";
import { boxes } from "./controls.js";
import { durationField } from "./durations.js";
import { choices, word } from "./names.js";
import { checkbox, field, group, listOf, say } from "./parts.js";

export const METRICS = ["queue_wait", "first_reply", "next_reply", "periodic_update", "pausable_update", "requester_wait", "agent_work", "first_resolution", "total_resolution", "group_ownership"];
const DATES = ["callback_promise", "followup_due", "approval_step", "complaint_ack", "complaint_decision"];
const WORD_CONDITIONS = ["channels", "brands", "categories", "segments", "languages"];
const PRIORITIES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const LADDERS = ["functional", "hierarchical"];
const MOST = 10;
const SEPARATOR = /[,，、;；]/;

export function wordsField(part, values) {
  const input = el("input", { value: values.join(", "), autocomplete: "off" });
  return { element: field(part, `admin.field.${part}`, input, part === "channels" ? "admin.policy.words_hint" : null), read: () => input.value.split(SEPARATOR).map((one) => one.trim()).filter(Boolean) };
}

function conditionsPart(value) {
  const parts = Object.fromEntries(WORD_CONDITIONS.map((part) => [part, wordsField(part, value[part] ?? [])]));
  const queues = choices("queue_id");
  parts.priorities = boxes("priorities", PRIORITIES.map((one) => [one, String(one)]), value.priorities ?? []);
  if (queues.length) parts.queue_ids = boxes("queue_ids", queues, value.queue_ids ?? []);
  const element = group("conditions", "admin.policy.for_whom", say("p", "admin.policy.conditions_hint", { class: "soft" }), el("div", { class: "fields" }, ...WORD_CONDITIONS.map((part) => parts[part].element)), parts.priorities.element, parts.queue_ids?.element);
  return { element, read: () => ({ ...value, ...Object.fromEntries(Object.entries(parts).map(([part, one]) => [part, one.read()])) }) };
}

function metricSelect(value) {
  return el("select", { value }, ...METRICS.map((name) => el("option", { value: name, text: word(`admin.metric.${name}`), selected: name === value })));
}

function targetRow(value) {
  const metric = metricSelect(value.metric);
  const within = durationField("seconds", "admin.field.seconds", value.seconds);
  const pause = durationField("longest_pause_seconds", "admin.field.longest_pause_seconds", value.longest_pause_seconds);
  return {
    element: el("div", { class: "inline" }, field("metric", "admin.field.metric", metric), within.element, pause.element),
    read: () => ({ ...value, metric: metric.value, seconds: within.read(), longest_pause_seconds: pause.read() }),
  };
}

function thresholdRow(known, value) {
  const kind = value.breach ? "breach" : value.rest_seconds ? "rest" : "percent";
  const when = el("select", {}, ...["percent", "rest", "breach"].map((name) => el("option", { value: name, text: t(`admin.when.${name}`), selected: name === kind })));
  const share = el("input", { type: "number", min: 1, max: 99, value: value.percent ?? 75 });
  const percent = field("percent", "admin.field.percent", share), rest = durationField("rest_seconds", "admin.field.rest_seconds", value.rest_seconds ?? 600);
  const look = () => { percent.hidden = when.value !== "percent"; rest.element.hidden = when.value !== "rest"; };
  when.addEventListener("input", look);
  look();
  const actions = actionList(known, value.actions ?? []);
  const read = () => ({
    ...value, percent: when.value === "percent" ? (share.value === "" ? null : Number(share.value)) : null,
    rest_seconds: when.value === "rest" ? rest.read() ?? 0 : null, breach: when.value === "breach" || null, actions: actions.read(),
  });
  return { element: el("div", { class: "threshold" }, el("div", { class: "inline" }, field("when", "admin.field.when", when), percent, rest.element), actions.element), read };
}

function stepRow(value) {
  const after = durationField("after_seconds", "admin.field.after_seconds", value.after_seconds);
  const option = (asked, text) => el("option", { value: askedText(asked), text });
  const options = (key, ids, askedOf) => el("optgroup", { label: t(key) }, ...ids.map(([id, text]) => option(askedOf(id), text)));
  const who = el("select", {}, el("option", { value: "", text: "–" }), option({ lead: true }, t("admin.policy.own_lead")),
    options("admin.policy.teams", choices("team_id"), (id) => ({ team_id: id })),
    options("admin.policy.leads", choices("team_id").map(([id, name]) => [id, t("admin.policy.lead_of", { name })]), (id) => ({ team_id: id, lead: true })),
    options("admin.policy.agents", choices("agent_id"), (id) => ({ agent_id: id })));
  who.value = askedText(value);
  const read = () => {
    const [team, agent, lead] = who.value.split(":");
    return { ...value, after_seconds: after.read(), team_id: team || null, agent_id: agent || null, lead: lead === "lead" };
  };
  return { element: el("div", { class: "inline" }, after.element, el("div", { class: "wide" }, field("team_id agent_id lead", "admin.field.who", who))), read };
}

/** Whom a step asks, as the value of an option; nobody is "". */
function askedText({ team_id: team, agent_id: agent, lead }) {
  return team || agent || lead ? [team ?? "", agent ?? "", lead ? "lead" : ""].join(":") : "";
}

function laddersPart(value) {
  const lists = Object.fromEntries(LADDERS.map((name) => [name, listOf(value?.[name] ?? [], stepRow, { add: "admin.policy.add_step", remove: "admin.policy.remove_step", fresh: () => ({ after_seconds: 600 }), most: MOST })]));
  const element = group("ladders", "admin.policy.ladders", say("p", "admin.policy.ladders_hint", { class: "soft" }), ...LADDERS.map((name) => group(name, `admin.field.${name}`, lists[name].element)));
  return { element, read: () => ({ ...value, ...Object.fromEntries(LADDERS.map((name) => [name, lists[name].read()])) }) };
}

function calendarField(value) {
  const select = el("select", {}, el("option", { value: "", data: { t: "admin.policy.round_the_clock" }, text: t("admin.policy.round_the_clock") }), ...choices("calendar_id").map(([id, text]) => el("option", { value: id, text })));
  select.value = value ?? "";
  return { element: field("calendar_id", "admin.field.calendar_id", select), read: () => select.value || null };
}

function bodyParts(body, known) {
  const position = el("input", { type: "number", min: 0, max: 100000, value: body.position });
  const targets = listOf(body.targets, targetRow, { add: "admin.policy.add_target", remove: "admin.policy.remove_target", fresh: () => ({ metric: "first_resolution", seconds: 86400 }), most: METRICS.length });
  const thresholds = listOf(body.thresholds, (value) => thresholdRow(known, value), { add: "admin.policy.add_threshold", remove: "admin.policy.remove_threshold", fresh: () => ({ percent: 75, actions: [] }), most: MOST });
  const bots = checkbox("admin.field.bot_answers", body.bot_answers);
  return {
    position: { element: field("position", "admin.field.position", position), read: () => (position.value === "" ? null : Number(position.value)) },
    calendar_id: calendarField(body.calendar_id),
    conditions: conditionsPart(body.conditions),
    targets: { element: group("targets", "admin.policy.targets", targets.element), read: targets.read },
    dates: boxes("dates", DATES.map((name) => [name, word(`admin.metric.${name}`)]), body.dates ?? []),
    thresholds: { element: group("thresholds", "admin.policy.thresholds", thresholds.element), read: thresholds.read },
    ladders: laddersPart(body.ladders),
    frozen: boxes("frozen", METRICS.map((name) => [name, word(`admin.metric.${name}`)]), body.frozen),
    reopen_grace_seconds: durationField("reopen_grace_seconds", "admin.field.reopen_grace_seconds", body.reopen_grace_seconds, "admin.policy.grace_hint"),
    bot_answers: { element: el("div", { data: { part: "bot_answers" } }, bots.element), read: () => bots.box.checked },
  };
}

/** { element, readName, readBody }: `known` are the actions a threshold may do. */
export function policyForm({ name, body }, known) {
  const title = el("input", { value: name, maxLength: 120, autocomplete: "off", autofocus: !name });
  const parts = bodyParts(body, known);
  const element = el("div", { class: "form-body" }, field("name", "admin.policy.name", title),
    el("div", { class: "form-body", data: { part: "body" } }, ...Object.values(parts).map((one) => one.element)));
  const readBody = () => ({ ...body, ...Object.fromEntries(Object.entries(parts).map(([part, one]) => [part, one.read()])) });
  return { element, readName: () => title.value.trim(), readBody };
}
