// What names the reader. Warnings, breaches and escalations: heard once, in sight until over or put away. What was assigned: told once.
import { call, explain } from "../shared/api.js";
import { el, icon, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { newId } from "../shared/socket.js";
import { customerName } from "./list.js";
import { chimeMessage, chimeWarning } from "./sound.js";
import { state } from "./store.js";

const SHOWN_MOST = 3;
const STOPPED = new Set(["met", "met_late", "cancelled"]);

function namesMe({ to_agent_ids: agents = [], to_team_ids: teams = [] }) {
  return agents.includes(state.me.id) || teams.includes(state.me.team_id);
}

function textOf(kind, { conversation_id: id, metric }) {
  const conversation = state.conversations.get(id);
  return t(`console.sla_notice.${kind}`, { customer: conversation ? customerName(conversation) : t("console.visitor_unnamed"), metric: metric ? t(`common.sla_metric.${metric}`) : t("console.sla_notice.promise") });
}

/** `key`: the clock, or the escalation: a later notice on the same thing takes the place of the one before. */
function show(place, key, kind, data, button) {
  remove(place, key);
  const box = el("div", { class: `banner ${kind === "warned" ? "" : "late"}`, data: { key, clock: data.clock_id } }, icon(kind === "warned" ? "clock" : "failed", true), el("span", { text: textOf(kind, data) }), button,
    state.conversations.has(data.conversation_id) && el("a", { class: "button quiet", href: `#${state.view}/${data.conversation_id}`, text: t("console.open") }),
    el("button", { class: "button quiet", type: "button", text: t("common.close"), onclick: () => box.remove() }));
  place.append(box);
  while (place.children.length > SHOWN_MOST) place.firstChild.remove();
}

function remove(place, key) {
  for (const box of [...place.children]) if (box.dataset.key === key || box.dataset.clock === key) box.remove();
}

function showEscalation(place, id, data) {
  const key = newId();
  const accept = el("button", { class: "button", type: "button", text: t("console.sla_notice.accept"), onclick: async () => {
    accept.disabled = true;
    try {
      await call("POST", `/v1/sla/escalations/${id}/accept`, undefined, { key });
      // Where I become the owner, the conversation comes by itself.
      remove(place, id);
    } catch (problem) {
      // Somebody was sooner, or an answer came: there is nothing to try again.
      accept.disabled = problem.status === 409;
      setText(accept.previousSibling, explain(problem));
    }
  } });
  show(place, id, "escalated", data, accept);
}

function tell({ event, data }, place) {
  const kind = event.split(".")[1];
  if (kind === "clocks_changed") for (const { clock_id: id } of data.clocks.filter((clock) => STOPPED.has(clock.state))) remove(place, id);
  if (kind === "escalation_accepted" || kind === "escalation_ended") remove(place, data.escalation_id);
  if (!["warned", "breached", "escalated"].includes(kind) || !namesMe(data)) return false;
  if (kind === "escalated" && data.escalation_id) showEscalation(place, data.escalation_id, data);
  else show(place, data.clock_id, kind, data);
  return true;
}

export function tellClocks(frames, place) {
  const heard = frames.map((frame) => tell(frame, place));
  if (heard.includes(true)) chimeWarning();
}

/** Accepted for me, by my own setting or the queue's. */
export function tellAssigned(id, toast) {
  const conversation = state.conversations.get(id);
  toast(t("console.assigned", { customer: conversation ? customerName(conversation) : t("console.visitor_unnamed") }), t("console.open"), () => { location.hash = `mine/${id}`; });
  chimeMessage();
}

/** What was asked of me while I was away. */
export async function showOpenEscalations(place) {
  const { items } = await call("GET", `/v1/sla/escalations?limit=${SHOWN_MOST}`);
  for (const one of items) showEscalation(place, one.id, one);
}
