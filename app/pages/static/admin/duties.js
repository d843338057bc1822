// Tasks and escalations that breaches left: whose they are, and the way to have them done.
import { call, explain } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { newId } from "../shared/socket.js";
import { t } from "../shared/i18n.js";
import { loadNames, nameById, word } from "./names.js";
import { button, field, say } from "./parts.js";
import { conversationLink, pages, table, time } from "./tables.js";

const VIEWS = ["all", "team", "mine"], STATES = ["open", "done"];

function select(keyOf, values) {
  return el("select", {}, ...values.map((value) => el("option", { value, data: { t: keyOf(value) }, text: t(keyOf(value)) })));
}

function people(...ids) {
  return ids.flat().filter(Boolean).map(nameById).join(t("admin.between")) || "–";
}

export async function open(place) {
  await loadNames();
  const view = select((value) => `admin.duties.view.${value}`, VIEWS), state = select((value) => `admin.duties.state.${value}`, STATES);
  const status = el("p", { class: "soft", role: "status" }), trouble = el("p", { class: "error", role: "alert" });
  const escalations = pages(() => `/v1/sla/escalations?view=${view.value}`, drawEscalations);
  const tasks = pages(() => `/v1/sla/tasks?view=${view.value}&state=${state.value}`, drawTasks);

  /** One act: said when done; when refused, why, and the list as it is now. */
  function act(list, path, said) {
    const key = newId();
    return async (event) => {
      trouble.textContent = status.textContent = "";
      event.currentTarget.disabled = true;
      try {
        await call("POST", `/v1/sla/${path}`, undefined, { key });
        status.textContent = t(said);
      } catch (problem) {
        trouble.textContent = explain(problem);
      }
      await list.load();
      (place.contains(document.activeElement) ? null : place.querySelector("h2"))?.focus();
    };
  }

  function drawEscalations(items) {
    if (!items.length) return say("p", "admin.duties.no_escalations", { class: "soft" });
    const rows = items.map((one) => el("tr", {},
      el("th", { scope: "row", text: t("admin.duties.step", { ladder: word(`admin.field.${one.ladder}`), step: one.step }) }),
      el("td", { class: "wrap", text: people(one.to_agent_ids, one.to_team_ids) }), el("td", {}, time(one.asked_at)), el("td", {}, conversationLink(one.conversation_id)),
      el("td", { class: "acts" }, button("admin.duties.accept", act(escalations, `escalations/${one.id}/accept`, `admin.duties.accepted.${one.ladder}`)))));
    return table(t("admin.duties.escalations"), ["admin.field.ladders", "admin.duties.asked", "admin.duties.since", "admin.conversation", "admin.policy.acts"], rows);
  }

  function drawTasks(items) {
    if (!items.length) return say("p", "admin.duties.no_tasks", { class: "soft" });
    const rows = items.map((one) => el("tr", {},
      el("th", { scope: "row", text: one.title.replaceAll("_", " ") }),
      el("td", { class: "wrap", text: people(one.agent_id, one.team_id) }), el("td", {}, time(one.created_at)), el("td", {}, conversationLink(one.conversation_id)),
      el("td", { class: "acts" }, one.state === "open" ? button("admin.duties.finish", act(tasks, `tasks/${one.id}/done`, "admin.duties.finished")) : time(one.done_at))));
    return table(t("admin.duties.tasks"), ["admin.duties.task", "admin.duties.whose", "admin.duties.since", "admin.conversation", state.value === "open" ? "admin.policy.acts" : "admin.duties.done_at"], rows);
  }

  const ofEscalations = el("section", { class: "report" }, say("h3", "admin.duties.escalations"), escalations.element);
  async function load() {
    trouble.textContent = status.textContent = "";
    // Only what is still asked for is listed; what became of the others is in the log.
    ofEscalations.hidden = state.value === "done";
    await Promise.all([ofEscalations.hidden || escalations.load(), tasks.load()]);
  }
  for (const one of [view, state]) one.addEventListener("change", load);
  place.replaceChildren(el("div", { class: "head" }, say("h2", "admin.section.duties", { tabIndex: -1 })), say("p", "admin.duties.about", { class: "soft" }),
    el("div", { class: "filters" }, field("view", "admin.duties.view", view), field("state", "admin.duties.state", state)), status, trouble,
    ofEscalations, el("section", { class: "report" }, say("h3", "admin.duties.tasks"), tasks.element));
  await load();
  return { redraw: () => { escalations.redraw(); tasks.redraw(); } };
}
