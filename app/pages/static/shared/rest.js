// What is left of a promise, by the clock's face and the server's time alone: nothing is asked of the server again.
import { setIcon, setText } from "./dom.js";
import { fullMoment, span, t } from "./i18n.js";

const SHOWN_SHARE = 0.5, WARN_SHARE = 0.25;
const ICONS = { half: "clock", warn: "clock", bad: "failed", paused: "pause" };

function isPaused(face, now) {
  return face.state === "paused" && !(face.resumes_at && now >= Date.parse(face.resumes_at));
}

/** Where the clock stands at `now`: ample, half, warn, bad, paused, or never when it cannot become due; `seconds` left, or over. */
export function restOf(face, now) {
  if (isPaused(face, now)) return { look: "paused", seconds: face.rest_seconds };
  if (face.due_at && now >= Date.parse(face.due_at)) return { look: "bad", seconds: (now - Date.parse(face.due_at)) / 1000 };
  const ahead = face.spans.reduce((sum, [from, to]) => sum + Math.max(0, Date.parse(to) - Math.max(now, Date.parse(from))), 0);
  const seconds = ahead / 1000 + face.later_seconds;
  if (!face.due_at) return { look: "never", seconds };
  const share = seconds / face.target_seconds;
  return { look: share > SHOWN_SHARE ? "ample" : share > WARN_SHARE ? "half" : "warn", seconds };
}

export function metricName(face) {
  return t(`common.sla_metric.${face.metric}`);
}

/** "2:41", "0:22 over", and the rest of a clock that has stopped or cannot be due in a word. */
export function restText({ look, seconds }) {
  return look === "bad" ? t("common.sla_over", { span: span(seconds) }) : look === "never" ? t("common.sla_never") : span(seconds);
}

/** Metric, target, policy and when: what a chip has no room for. */
export function restTip(face, now) {
  const { look, seconds } = restOf(face, now);
  const values = { metric: metricName(face), target: span(face.target_seconds), policy: face.policy, rest: span(seconds), due: face.due_at ? fullMoment(face.due_at) : "" };
  return t(`common.sla_tip.${["bad", "paused", "never"].includes(look) ? look : "running"}`, values);
}

/** Draws `chip` (an icon and a word). `why`: what a paused one waits for. With more than half left there is none. */
export function drawChip(chip, face, now, why) {
  const rest = face ? restOf(face, now) : null;
  chip.hidden = !rest || rest.look === "ample" || rest.look === "never";
  if (chip.hidden) return;
  chip.className = `sla-chip ${rest.look}`;
  setIcon(chip.firstChild, ICONS[rest.look]);
  setText(chip.lastChild, rest.look === "paused" ? why : restText(rest));
  const tip = restTip(face, now);
  if (chip.title !== tip) chip.title = tip;
}
