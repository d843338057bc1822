// What a breach leaves me to do, in the customer panel: its cause, what the customer got for it, my tasks and escalations.
import { call, explain } from "../shared/api.js";
import { el, reconcile, set, setText } from "../shared/dom.js";
import { moment, t } from "../shared/i18n.js";
import { newId } from "../shared/socket.js";
import { breachRow, drawBreach, loadCodes } from "./breaches.js";
import { customerName } from "./list.js";
import { announce, changed, changes, state } from "./store.js";

const SHOWN_MOST = 20;
const KEPT_MOST = 50;
const asked = { key: "", id: null, breaches: [] };
const rows = new Map();
let mine = null;
let parts = null;

/** Runs `load`, and once more when it was asked for meanwhile, so that the last answer is the last word. */
function latest(load) {
  let running = null, again = false;
  return async function run() {
    again = Boolean(running);
    if (again) return running;
    running = load().catch(() => {/* the last ones stay; the next change asks again */});
    await running;
    running = null;
    if (again) return run();
    changed();
  };
}

const loadMine = latest(async () => {
  const list = async (path) => (await call("GET", `/v1/sla/${path}&limit=${SHOWN_MOST}`)).items;
  const [escalations, own, team] = await Promise.all([list("escalations?view=mine"), list("tasks?view=mine"), state.me.team_id ? list("tasks?view=team") : []]);
  mine = [...escalations.map((one) => ({ ...one, verb: "accept" })), ...own.map((one) => ({ ...one, verb: "done" })), ...team.map((one) => ({ ...one, verb: "done" }))];
});

const loadBreaches = latest(async () => {
  const { id } = asked;
  const { items } = await call("GET", `/v1/sla/breaches?unanswered=false&conversation_id=${id}&limit=${SHOWN_MOST}`);
  if (items.length) await loadCodes();
  if (id === asked.id) asked.breaches = items.sort((one, other) => Boolean(one.cause_code) - Boolean(other.cause_code));
});

changes.addEventListener("clocks", ({ detail }) => detail === asked.id && loadBreaches());
changes.addEventListener("duties", ({ detail }) => {
  if (detail === asked.id) loadBreaches();
  if (mine) loadMine();
});

function textOf(one) {
  const conversation = state.conversations.get(one.conversation_id);
  const values = { customer: conversation ? customerName(conversation) : t("console.visitor_unnamed"), step: one.step ?? "" };
  if (one.verb === "accept") return t(`console.duty.escalated.${one.ladder}`, values);
  // A task's title is a code of the installation's own.
  return t("console.duty.task", { title: one.title.replaceAll("_", " ") });
}

async function perform(one, key) {
  const path = one.verb === "accept" ? `escalations/${one.id}/accept` : `tasks/${one.id}/done`;
  setText(parts.problem, "");
  try {
    await call("POST", `/v1/sla/${path}`, undefined, { key });
    announce("toast", t(one.verb === "accept" ? `console.duty.accepted.${one.ladder}` : "console.duty.task_done"));
  } catch (problem) {
    // Somebody was sooner, or it is over: the list says so itself.
    setText(parts.problem, explain(problem));
  }
  const listed = [...parts.mine.children], index = listed.findIndex((row) => row.dataset.key === one.id);
  const held = listed[index]?.contains(document.activeElement);
  await loadMine();
  drawMine();
  if (held && !parts.mine.contains(document.activeElement)) (parts.mine.children[Math.min(index, parts.mine.children.length - 1)]?.querySelector("button") ?? parts.title).focus();
}

function dutyRow(one) {
  let key = newId(), busy = false;
  const press = async () => {
    if (busy) return;
    busy = true;
    await perform(one, key);
    busy = false;
    key = newId();
  };
  return el("li", {}, el("span", { class: "duty-text" }), el("a", { class: "soft" }), el("button", { class: "button", type: "button", onclick: press }));
}

function drawMine() {
  const shown = mine ?? [];
  reconcile(parts.mine, shown, (one) => one.id, dutyRow, (row, one) => {
    const [text, link, button] = row.children;
    setText(text, textOf(one));
    link.hidden = one.conversation_id === asked.id || !state.conversations.has(one.conversation_id);
    set(link, { href: `#all/${one.conversation_id}` });
    setText(link, t("console.open"));
    setText(button, t(one.verb === "accept" ? "console.sla_notice.accept" : "console.duty.done"));
    row.title = moment(one.asked_at ?? one.created_at);
  });
  parts.title.hidden = !shown.length && !asked.breaches.length && !parts.problem.textContent;
  setText(parts.title, t("console.duty.title"));
}

/** What was typed about a breach is still there when its conversation is looked at again. */
function keptRow(breach) {
  if (!rows.has(breach.clock_id)) rows.set(breach.clock_id, breachRow(breach));
  if (rows.size > KEPT_MOST) rows.delete(rows.keys().next().value);
  return rows.get(breach.clock_id);
}

function build(place) {
  parts = { title: el("h3", { tabIndex: -1 }), breaches: el("ul", { class: "breaches" }), mine: el("ul", { class: "mine" }), problem: el("p", { class: "error", role: "alert" }) };
  place.replaceChildren(parts.title, parts.mine, parts.problem, parts.breaches);
}

/** Draws into `place` and asks the server when the conversation, or its owner, is another one. */
export function showDuties(place, conversation) {
  if (!parts) build(place);
  const key = `${conversation.id} ${conversation.owner?.id}`;
  if (key !== asked.key) {
    if (asked.id !== conversation.id) {
      asked.breaches = [];
      setText(parts.problem, "");
    }
    Object.assign(asked, { key, id: conversation.id });
    loadBreaches();
  }
  if (!mine) {
    mine = [];
    loadMine();
  }
  reconcile(parts.breaches, asked.breaches, (breach) => breach.clock_id, keptRow, drawBreach);
  drawMine();
}
