// Warnings, breaches and escalations that name the reader: heard once, and in sight until they are over or put away.
import { el, icon } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { customerName } from "./list.js";
import { chimeWarning } from "./sound.js";
import { announce, state } from "./store.js";

const SHOWN_MOST = 3;
const OVER = new Set(["met", "met_late", "cancelled"]);

/** By the ids that the event names; the owner and the team of an action are the conversation's. */
function namesMe(data, conversation) {
  const { id, team_id: team } = state.me;
  const agents = [...(data.to_agent_ids ?? []), data.to_agent_id];
  const teams = [...(data.to_team_ids ?? []), data.to_team_id];
  const actions = data.actions ?? [];
  if (actions.includes("notify_owner")) agents.push(conversation?.owner?.id);
  if (actions.includes("notify_team")) teams.push(conversation?.team_id);
  return agents.includes(id) || (team && teams.includes(team));
}

function notice(event, data, conversation, place) {
  const kind = event.split(".")[1];
  const customer = conversation ? customerName(conversation) : t("console.visitor_unnamed");
  const box = el("div", { class: `banner ${kind === "warned" ? "" : "late"}`, data: { clock: data.clock_id } }, icon(kind === "warned" ? "clock" : "failed", true),
    el("span", { text: t(`console.sla_notice.${kind}`, { customer, metric: t(`common.sla_metric.${data.metric}`) }) }),
    el("a", { class: "button quiet", href: `#${state.view}/${data.conversation_id}`, text: t("console.open"), onclick: () => box.remove() }),
    el("button", { class: "button quiet", type: "button", text: t("common.close"), onclick: () => box.remove() }));
  remove(place, data.clock_id);
  place.append(box);
  while (place.children.length > SHOWN_MOST) place.firstChild.remove();
}

function remove(place, clockId) {
  for (const box of [...place.children]) if (box.dataset.clock === clockId) box.remove();
}

export function tellClocks(frames, place) {
  let rings = false;
  for (const { event, data } of frames) {
    if (event === "sla.clocks_changed") {
      for (const clock of data.clocks) if (OVER.has(clock.state)) remove(place, clock.clock_id);
      continue;
    }
    const conversation = state.conversations.get(data.conversation_id);
    if (!namesMe(data, conversation)) continue;
    notice(event, data, conversation, place);
    rings = true;
    if (!conversation) announce("unknown", data.conversation_id);
  }
  if (rings) chimeWarning();
}
