// What becomes of work that waits too long, step by step: when, and then another queue or a word to the customer.
import { el } from "../shared/dom.js";
import { choice } from "./controls.js";
import { durationField } from "./durations.js";
import { textsByLanguage } from "./languages.js";
import { choices } from "./names.js";
import { field, group, listOf, say } from "./parts.js";

const MOST_STEPS = 5;
const FLAGS = ["nobody_staffed", "outside_hours", "tries_exhausted"];
const FRESH_STEP = { when: { age_over_seconds: 600 }, do: { queue: null } };

function count(part, value) {
  const input = el("input", { type: "number", min: 1, value: value ?? 10 });
  return { element: field(part, `admin.overflow.${part}`, input), read: () => Number(input.value) };
}

function texts(value) {
  return textsByLanguage("message", "admin.overflow.message", value ?? {}, { control: (said) => el("textarea", { rows: 2, maxLength: 1000, value: said }), label: "admin.field.message" });
}

/** One of `parts`, each { element, read }, the one that `value` has; read as { name: value }. */
function oneOf(part, key, parts, value) {
  const names = Object.keys(parts);
  const kind = el("select", {}, ...names.map((name) => say("option", `admin.overflow.${name}`, { value: name })));
  kind.value = names.find((name) => name in value) ?? names[0];
  const look = () => { for (const name of names) if (parts[name].element) parts[name].element.hidden = name !== kind.value; };
  kind.addEventListener("input", look);
  look();
  const element = el("div", { class: "inline", data: { part } }, field("kind", key, kind), ...names.map((name) => parts[name].element).filter(Boolean));
  return { element, read: () => ({ [kind.value]: parts[kind.value].read() }) };
}

function step({ when, do: what }) {
  const held = Object.fromEntries(FLAGS.map((name) => [name, { element: null, read: () => true }]));
  const times = ["age_over_seconds", "estimated_wait_over_seconds"].map((name) => [name, durationField(name, `admin.overflow.${name}`, when[name] ?? 600)]);
  const trigger = oneOf("when", "admin.overflow.when", { ...Object.fromEntries(times), longer_than: count("longer_than", when.longer_than), ...held }, when);
  const action = oneOf("do", "admin.overflow.then", { queue: choice("queue", choices("queue_id"), what.queue ?? null), message: texts(what.message) }, what);
  return { element: el("div", { class: "threshold" }, trigger.element, action.element), read: () => ({ when: trigger.read(), do: action.read() }) };
}

export function overflowPart(steps) {
  const list = listOf(steps, step, { add: "admin.overflow.add", remove: "admin.overflow.remove", fresh: () => FRESH_STEP, most: MOST_STEPS });
  return { element: group("overflow", "admin.field.overflow", say("p", "admin.overflow.hint", { class: "soft" }), list.element), read: list.read };
}
