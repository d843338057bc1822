// Spans of time as people type them: "1 h 30 min", "90 s", "2 d", "1 小时 30 分钟".
import { el } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { field } from "./parts.js";
import { Wrong } from "./wrong.js";

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
const WORDS = { d: /^(?:d|days?|天|日)$/, h: /^(?:h|hrs?|hours?|小时|时)$/, min: /^(?:m|mins?|minutes?|分钟?)$/, s: /^(?:s|secs?|seconds?|秒钟?)$/ };
const PIECE = /(\d+(?:\.\d+)?)\s*([a-z]+|[天日小时分钟秒]+)/gi;

/** Whole seconds, or null for what is no span. */
export function parseDuration(text) {
  const rest = text.replace(PIECE, "").trim();
  const pieces = [...text.matchAll(PIECE)].map(([, amount, word]) => [Number(amount), UNITS.find(([unit]) => WORDS[unit].test(word.toLowerCase()))]);
  if (rest || !pieces.length || pieces.some(([, unit]) => !unit)) return null;
  return Math.round(pieces.reduce((sum, [amount, [, seconds]]) => sum + amount * seconds, 0));
}

export function durationText(seconds) {
  if (seconds === null || seconds === undefined) return "";
  let rest = seconds;
  const parts = [];
  for (const [unit, size] of UNITS) {
    if (rest >= size) parts.push(t(`admin.unit.${unit}`, { amount: Math.floor(rest / size) }));
    rest %= size;
  }
  return parts.join(" ") || t("admin.unit.s", { amount: 0 });
}

/** A field that reads as seconds; empty reads as null. */
export function durationField(part, key, seconds, hint = null) {
  const input = el("input", { class: "duration", value: durationText(seconds), data: { tPlaceholder: "admin.duration_example" }, placeholder: t("admin.duration_example"), autocomplete: "off" });
  const read = () => {
    if (!input.value.trim()) return null;
    const found = parseDuration(input.value);
    if (found === null) throw new Wrong(input, "admin.wrong.duration");
    return found;
  };
  return { element: field(part, key, input, hint), read };
}
