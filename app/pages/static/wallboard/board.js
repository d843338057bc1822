// What a figure means: pure rules of the wallboard, apart from how they are drawn.
const AGENT_ORDER = { ready: 0, not_responding: 1, not_ready: 2, offline: 3 };

/** Seconds the oldest has waited, or null when nobody waits. The server's instant, so that it ticks here. */
export function longestSeconds(queue, now) {
  const since = queue.longest_since;
  return since ? Math.max(0, (now - Date.parse(since)) / 1000) : null;
}

export const FORMULAS = ["sl_standard", "sl_answered", "sl_live"];

/** The queue's service level of today by this formula. */
export function levelOf(queue, formula) {
  return queue.today.service_levels.find((level) => level.formula === formula);
}

/** Of all queues together: each customer counts by the target of their queue. */
export function levelOfAll(queues, formula) {
  const levels = queues.map((queue) => levelOf(queue, formula));
  return { met: levels.reduce((sum, one) => sum + one.met, 0), of: levels.reduce((sum, one) => sum + one.of, 0) };
}

/** The queue whose next customer would wait longest; null when nothing can be said of any. */
export function slowest(queues) {
  const known = queues.filter((queue) => queue.eta_p50_seconds !== null);
  return known.length ? known.reduce((one, other) => (other.eta_p50_seconds > one.eta_p50_seconds ? other : one)) : null;
}

/** Who waits, those being offered among them: nobody has answered them yet. */
export function inLine(queue) {
  return queue.waiting + queue.offered;
}

/** ok, warn at half the target before the next due time or with a clock due soon, bad past it, with any breach, or when nobody is ready for, or able to take, those who wait. Due times count opening hours; while a queue is closed nobody need be there. */
export function queueState(queue, now) {
  const left = queue.next_due_at ? (Date.parse(queue.next_due_at) - now) / 1000 : Infinity;
  const nobody = queue.is_open && inLine(queue) > 0 && queue.ready === 0;
  if (queue.breached > 0 || nobody || queue.unroutable > 0 || left <= 0) return "bad";
  if (queue.due_soon > 0 || left <= queue.target_seconds / 2) return "warn";
  return "ok";
}

export function presenceWord(agent) {
  if (agent.session === "gone") return "offline";
  if (agent.penalty === "not_responding") return "not_responding";
  return agent.readiness === "ready" ? "ready" : "not_ready";
}

/** Rows keep their places while `held()`; who is new comes last until then. */
export class HeldOrder {
  constructor(held) {
    this.held = held;
    this.ids = [];
  }

  of(agents) {
    if (!this.held()) this.ids = sortedAgents(agents).map(({ agent }) => agent.id);
    const place = new Map(this.ids.map((id, at) => [id, at]));
    const at = ({ agent }) => place.get(agent.id) ?? this.ids.length;
    return [...agents].sort((one, other) => at(one) - at(other));
  }
}

function sortedAgents(agents) {
  return [...agents].sort((one, other) => AGENT_ORDER[presenceWord(one)] - AGENT_ORDER[presenceWord(other)] || (one.agent.name < other.agent.name ? -1 : 1));
}

/** A new state must hold before it shows, so that nothing flickers around a limit. */
export class Steady {
  constructor(holdMs) {
    this.holdMs = holdMs;
    this.shown = new Map();
  }

  of(id, state, now) {
    const kept = this.shown.get(id);
    if (!kept || kept.state === state) {
      this.shown.set(id, { state, candidate: state, since: now });
      return state;
    }
    if (kept.candidate !== state) Object.assign(kept, { candidate: state, since: now });
    if (now - kept.since >= this.holdMs) this.shown.set(id, { state, candidate: state, since: now });
    return this.shown.get(id).state;
  }
}

export function totals(board, now) {
  const waits = board.queues.map((queue) => longestSeconds(queue, now)).filter((wait) => wait !== null);
  const { agents } = board;
  return {
    waiting: board.queues.reduce((sum, queue) => sum + inLine(queue), 0),
    longest: waits.length ? Math.max(...waits) : null,
    ready: agents.filter((agent) => presenceWord(agent) === "ready").length,
    staffed: agents.filter((agent) => agent.session !== "gone").length,
    talking: agents.reduce((sum, agent) => sum + (agent.conversations), 0),
  };
}
