// What a queue does with work that waits too long, or while nobody is there: steps in order, each when and what.
import { el } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { withGone } from "./controls.js";
import { durationField } from "./durations.js";
import { textsByLanguage } from "./languages.js";
import { choices } from "./names.js";
import { field, group, listOf, say } from "./parts.js";
import { Wrong } from "./wrong.js";

const MOST_STEPS = 5;
const MOST_CHARACTERS = 1000;
const SPANS = ["age_over_seconds", "estimated_wait_over_seconds"];
const TRIGGERS = [...SPANS, "longer_than", "nobody_staffed", "outside_hours", "tries_exhausted"];
const DOES = ["message", "queue"];
const FRESH = { when: { age_over_seconds: 300 }, do: { message: { en: "", "zh-CN": "" } } };
const USUAL_LENGTH = 20;

function select(options, value) {
  return el("select", {}, ...options.map(([each, text]) => el("option", { value: each, text, selected: each === value })));
}

/** Shows of `faces` ([names, element]) what the choice asks for. */
function follow(choice, faces) {
  const look = () => { for (const [names, element] of faces) element.hidden = !names.includes(choice.value); };
  choice.addEventListener("input", look);
  look();
}

function whenPart(value) {
  const [trigger] = Object.keys(value);
  const which = select(withGone(TRIGGERS.map((name) => [name, t(`admin.overflow.when.${name}`)]), trigger), trigger);
  const span = durationField(SPANS.join(" "), "admin.overflow.over", SPANS.includes(trigger) ? value[trigger] : FRESH.when.age_over_seconds);
  const length = el("input", { type: "number", min: 1, max: 10000, value: value.longer_than ?? USUAL_LENGTH });
  const count = field("longer_than", "admin.overflow.length", length);
  follow(which, [[SPANS, span.element], [["longer_than"], count]]);
  const read = () => {
    if (SPANS.includes(which.value)) return { [which.value]: needed(span.read(), span.element) };
    if (which.value === "longer_than") return { longer_than: Number(needed(length.value, count)) };
    return { [which.value]: value[which.value] ?? true };
  };
  return { element: el("div", { class: "inline action", data: { part: "when" } }, field("trigger", "admin.field.when", which), span.element, count), read };
}

/** Of a step nothing can be left out. */
function needed(value, element) {
  if (value === null || value === "") throw new Wrong(element.querySelector("input, select"), "admin.wrong.needed");
  return value;
}

function messagePart(texts) {
  return textsByLanguage("message", "admin.overflow.message", texts, { control: (said) => el("textarea", { rows: 2, maxLength: MOST_CHARACTERS, value: said }), label: "admin.overflow.text" });
}

function doPart(value, ownId) {
  const which = select(DOES.map((name) => [name, t(`admin.overflow.do.${name}`)]), value.queue ? "queue" : "message");
  const queues = withGone(choices("queue_id").filter(([id]) => id !== ownId), value.queue);
  const to = select([["", "–"], ...queues], value.queue ?? "");
  const target = field("queue", "admin.field.queue_id", to);
  const message = messagePart(value.message ?? FRESH.do.message);
  follow(which, [[["queue"], target], [["message"], message.element]]);
  const read = () => (which.value === "queue" ? { queue: needed(to.value, target) } : { message: message.read() });
  return { element: el("div", { class: "nested", data: { part: "do" } }, el("div", { class: "inline action" }, field("kind", "admin.overflow.then", which), target), message.element), read };
}

function step(value, ownId) {
  const when = whenPart(value.when), does = doPart(value.do, ownId);
  return { element: el("div", { class: "threshold" }, when.element, does.element), read: () => ({ ...value, when: when.read(), do: does.read() }) };
}

/** { element, read } of a queue's steps; `ownId` is the queue itself, where work does not go. */
export function overflow(steps, ownId) {
  const list = listOf(steps, (value) => step(value, ownId), { add: "admin.overflow.add", remove: "admin.overflow.remove", fresh: () => FRESH, most: MOST_STEPS, ordered: true });
  return { element: group("overflow", "admin.field.overflow", say("p", "admin.overflow.hint", { class: "soft" }), list.element), read: list.read };
}
