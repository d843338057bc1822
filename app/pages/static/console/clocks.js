// The customer panel's part about service times: every clock of the open conversation, with what is left of each.
import { call } from "../shared/api.js";
import { el, icon, reconcile, setIcon, setText } from "../shared/dom.js";
import { moment, t } from "../shared/i18n.js";
import { metricName, restOf, restText, restTip } from "../shared/rest.js";
import { pauseReason } from "./list.js";
import { changed, state } from "./store.js";

const STOPPED_MOST = 5;
const LOOKS = { ample: ["half", "clock"], half: ["half", "clock"], warn: ["warn", "clock"], bad: ["bad", "failed"], paused: ["paused", "pause"], never: ["half", "clock"] };
const STOPPED = { met: ["ok", "done"], met_late: ["bad", "failed"], cancelled: ["half", "close"] };
let known = { id: null, faces: [] };

/** A change that comes while an answer is under way asks once more, so that the last answer is the last word. */
async function fetchClocks(id) {
  if (known.loading) {
    known.again = true;
    return;
  }
  known.loading = true;
  try {
    const faces = await call("GET", `/v1/sla/conversations/${id}/faces`);
    if (known.id === id) known.faces = faces;
  } catch { /* the last ones stay; the next change asks again */ }
  if (known.id !== id) return;
  known.loading = false;
  if (known.again) {
    known.again = false;
    await fetchClocks(id);
  }
  changed();
}

/** The open ones, and the last few that stopped. */
function shownOf(faces) {
  const stopped = faces.filter(({ state: word }) => STOPPED[word]);
  return [...faces.filter(({ state: word }) => !STOPPED[word]), ...stopped.sort((a, b) => (a.counted_at < b.counted_at ? 1 : -1)).slice(0, STOPPED_MOST)];
}

function drawClock(row, face, conversation) {
  const now = state.live.now();
  const rest = STOPPED[face.state] ? null : restOf(face, now);
  const [look, name] = rest ? LOOKS[rest.look] : STOPPED[face.state];
  const [label, chip, due] = row.children;
  setText(label, face.seq > 1 ? t("console.sla.numbered", { metric: metricName(face), number: face.seq }) : metricName(face));
  chip.className = `sla-chip ${look}`;
  setIcon(chip.firstChild, name);
  setText(chip.lastChild, !rest ? t(`common.sla_state.${face.state}`) : rest.look === "paused" ? t("console.sla.paused_rest", { reason: pauseReason(conversation), rest: restText(rest) }) : restText(rest));
  setText(due, face.due_at ? t("console.sla.due", { time: moment(face.due_at) }) : "");
  row.title = rest ? restTip(face, now) : "";
}

export function showClocks(panel, conversation, stale) {
  if (!conversation) return;
  if (known.id !== conversation.id) {
    known = { id: conversation.id, faces: conversation.sla ? [conversation.sla] : [] };
    stale = true;
  }
  if (stale) fetchClocks(conversation.id);
  const shown = shownOf(known.faces);
  for (const part of [panel.clocksTitle, panel.clocks, panel.clocksWhy]) part.hidden = !shown.length;
  setText(panel.clocksTitle, t("console.sla.title"));
  setText(panel.clocksWhy, t("console.sla.why"));
  reconcile(panel.clocks, shown, (face) => face.clock_id, () => el("li", {}, el("span"), el("span", {}, icon("clock", true), el("span", { class: "figure" })), el("span", { class: "soft" })), (row, face) => drawClock(row, face, conversation));
}
