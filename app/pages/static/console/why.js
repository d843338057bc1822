// The panel "Why?": who was asked and by which rule, from the stored decisions, in plain words.
import { all, call, explain } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { fullMoment, has, moment, number, t } from "../shared/i18n.js";
import { showPanel } from "./dialogs.js";
import { state } from "./store.js";

const RULES = ["sticky", "least_versatile", "skill_fit", "only_avoid_interruption", "pack_or_spread", "spread", "longest_idle", "stable_hash"];
const REMOVED = ["not_member", "lacks_requirement", "not_routable", "cooling_down", "draining", "no_free_units"];
const NAMES_SHOWN = 10;
let names = null;

/** Names of the agents the reader may see; others stay "an agent". */
async function agentNames() {
  names ??= all("/v1/agents").then((agents) => new Map(agents.map((agent) => [agent.id, agent.name])));
  return names.catch(() => { names = null; return new Map(); });
}

/** A later server may know rules that this page has no words for. */
function ruleName(rule) {
  return has(`console.why_rule.${rule}`) ? t(`console.why_rule.${rule}`) : rule;
}

function reasonName(reason) {
  return has(`console.why_reason.${reason}`) ? t(`console.why_reason.${reason}`) : reason;
}

/** One sentence on one decision. */
function sentence(decision, nameOf) {
  const { trace, outcome } = decision;
  const name = decision.agent_id ? nameOf(decision.agent_id) : "";
  if (outcome === "offer") {
    const rule = ruleName(trace.decided_by ?? "only_candidate");
    return trace.decided_by === "only_candidate" ? t("console.why_said.only", { name }) : t("console.why_said.offer", { name, count: trace.eligible ?? 0, rule });
  }
  if (outcome === "wait" || outcome === "unroutable") return t(`console.why_said.${outcome}`, { reason: reasonName(trace.reason ?? "in_line") });
  if (outcome === "due_counted") return t(`console.why_due.${trace.counted}`, { calendar: trace.calendar?.name ?? "", due: fullMoment(trace.after) });
  if (outcome === "transferred" && !name) return t("console.why_said.transferred_queue");
  return has(`console.why_said.${outcome}`) ? t(`console.why_said.${outcome}`, { name }) : outcome;
}

/** The first rule by which `candidate` stood behind the winner. */
function ruleBehind(winner, candidate) {
  const differs = (rule) => JSON.stringify(winner.rank[rule]) !== JSON.stringify(candidate.rank[rule]);
  return RULES.find((rule) => rule in winner.rank && differs(rule));
}

function table(caption, headings, rows) {
  return el("table", { class: "facts" }, el("caption", { text: caption }),
    el("thead", {}, el("tr", {}, ...headings.map((key) => el("th", { scope: "col", text: t(key) })))),
    el("tbody", {}, ...rows.map(([first, ...others]) => el("tr", {}, el("th", { scope: "row", text: first }), ...others.map((text) => el("td", { text }))))));
}

function policyName(policy) {
  return has(`console.why_policy.${policy}`) ? t(`console.why_policy.${policy}`) : policy;
}

function ringName({ ring, asked_alone: alone }) {
  if (alone) return t("console.why_table.asked_alone");
  return ring ? t("console.why_table.ring", { ring }) : t("console.why_table.ring_own");
}

function candidates({ trace, outcome }, nameOf) {
  const [winner, ...others] = trace.candidates ?? [];
  if (!winner) return null;
  const first = outcome === "offer" ? t("console.why_table.chosen", { rule: ruleName(trace.decided_by) }) : t("console.why_table.first");
  const rows = [[nameOf(winner.agent_id), first], ...others.map((other) => [nameOf(other.agent_id), t("console.why_table.behind", { rule: ruleName(ruleBehind(winner, other)) })])];
  return table(t("console.why_table.candidates"), ["console.why_table.agent", "console.why_table.result"], rows);
}

function removed({ trace }) {
  const rows = REMOVED.filter((rule) => trace.removed?.[rule]).map((rule) => [t(`console.why_removed.${rule}`), number(trace.removed[rule])]);
  return rows.length ? table(t("console.why_table.removed"), ["console.why_table.rule", "console.why_table.agents"], rows) : null;
}

function terms({ trace, decided_at: at }) {
  const before = trace.ledger_before, after = trace.ledger_after;
  const parts = [fullMoment(at)];
  if (trace.policy) parts.push(t("console.why_table.policy", { policy: policyName(trace.policy), version: trace.policy_version }), ringName(trace));
  if (before && after) parts.push(t("console.why_table.load", { before: before.used_units, after: after.used_units, capacity: after.capacity_units }));
  return el("p", { class: "soft", text: parts.join(" · ") });
}

/** Which routing rules put it here, in which version. */
function ruled(work) {
  const fired = (work?.rules?.fired ?? []).filter((one) => one.sets.length);
  return fired.length ? el("p", { text: t("console.why_table.ruled", { names: fired.map((one) => one.name).join(" · "), version: work.rules.version }) }) : null;
}

/** The names behind each rule at this moment; the agents whom the reader may not see are "an agent". */
function standing(now, nameOf) {
  if (!now) return [el("p", { text: t("console.why_now.nothing") })];
  const [best] = now.candidates;
  const told = best ? t("console.why_now.would_go", { name: nameOf(best.agent_id), count: now.eligible }) : t("console.why_now.would_wait");
  const kept = now.kept_out.map(({ rule, count, agent_ids: ids }) => {
    const shown = ids.map(nameOf).sort().slice(0, NAMES_SHOWN), names = shown.join(", ");
    return [t(`console.why_removed.${rule}`), count > shown.length ? t("console.why_now.names", { names, number: number(count - shown.length) }) : names];
  });
  return [
    el("h3", { text: t("console.why_now.title", { time: fullMoment(now.as_of) }) }), el("p", { class: "said", text: told }),
    el("p", { class: "soft", text: ringName(now) }), candidates({ trace: now, outcome: "now" }, nameOf),
    kept.length > 0 && table(t("console.why_now.kept"), ["console.why_table.rule", "console.why_table.agents"], kept),
  ].filter(Boolean);
}

/** Only when asked for: the server reads every agent for it. */
function askNow(conversationId, nameOf) {
  const place = el("div", { class: "now" });
  const ask = async () => {
    place.replaceChildren(el("p", { text: t("common.loading") }));
    try {
      place.replaceChildren(...standing((await call("GET", `/v1/conversations/${conversationId}/explain?now=true`)).now, nameOf));
    } catch (problem) {
      place.replaceChildren(el("p", { class: "error", text: explain(problem) }));
    }
  };
  place.append(el("button", { class: "link", type: "button", text: t("console.why_now.ask"), onclick: ask }));
  return place;
}

function content({ work, decisions }, nameOf) {
  // The offer says most; a wait before or after it is a line of the history.
  const told = decisions.find(({ outcome }) => outcome === "offer") ?? decisions[0];
  const latest = decisions[0];
  if (!told) return [el("p", { text: t("console.why_said.nothing") }), ruled(work)].filter(Boolean);
  const history = decisions.filter((one) => one !== latest);
  return [
    el("p", { class: "said", text: sentence(latest, nameOf) }),
    ruled(work),
    latest !== told && el("p", { text: sentence(told, nameOf) }),
    candidates(told, nameOf), removed(told), terms(told),
    history.length > 0 && el("details", {}, el("summary", { text: t("console.why_table.earlier", { count: history.length }) }),
      el("ul", { class: "history" }, ...history.map((one) => el("li", {}, el("time", { text: moment(one.decided_at), dateTime: one.decided_at }), " ", sentence(one, nameOf))))),
  ].filter(Boolean);
}

export async function showWhy(conversationId, opener) {
  const place = el("div", { class: "why", "aria-live": "polite" }, el("p", { text: t("common.loading") }));
  showPanel(t("console.why_title"), place, opener);
  try {
    const [explanation, known] = await Promise.all([call("GET", `/v1/conversations/${conversationId}/explain`), agentNames()]);
    const nameOf = (id) => (id === state.me.id ? t("console.why_table.you", { name: state.me.name }) : known.get(id) ?? t("console.why_table.someone"));
    place.replaceChildren(...content(explanation, nameOf));
    if (explanation.work?.state === "queued") place.append(askNow(conversationId, nameOf));
  } catch (problem) {
    place.replaceChildren(el("p", { class: "error", text: explain(problem) }));
  }
}
