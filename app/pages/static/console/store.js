// What the console knows, and how each frame changes it. Components read `state` and redraw on "change".
const MINE_MOST = 200;
const WAITING_MOST = 100;
export const UNRESOLVED = new Set(["open", "pending", "on_hold", "snoozed"]);
const TYPING_MS = 8000;
const GONE_ROWS_MOST = 50;
const DUTIES = /^(?:task\.|sla\.(?:escalat|cause_given|remedy_noted|corrected))/;

export const state = {
  me: null,
  live: null,
  conversations: new Map(),
  threads: new Map(),
  offers: new Map(),
  presence: null,
  counts: null,
  view: "mine",
  sort: "longest",
  selected: null,
  gone: new Map(),
  typing: new Map(),
  outbox: [],
  lists: new Map(),
  missed: [],
};
export const changes = new EventTarget();
let scheduled = false;

/** Redraws at most once a frame; a hidden tab has no frames. */
export function changed() {
  if (scheduled) return;
  scheduled = true;
  const run = () => {
    scheduled = false;
    changes.dispatchEvent(new Event("change"));
  };
  if (document.hidden) setTimeout(run, 100);
  else requestAnimationFrame(run);
}

export function announce(name, detail) {
  changes.dispatchEvent(new CustomEvent(name, { detail }));
}

/** The caller under the id that conversations and offers name them by. */
export function person(me) {
  const agent = me.agent ?? {};
  return { ...me, id: agent.id ?? me.id, name: agent.name ?? agent.login ?? me.role, languages: agent.languages ?? [] };
}

export function thread(id) {
  if (!state.threads.has(id)) state.threads.set(id, { messages: [], loaded: false, complete: false, error: null, dividerAfter: null });
  return state.threads.get(id);
}

/** Keeps messages by the server's sequence, one of each; an answered outbox entry goes. */
export function putMessages(id, messages) {
  const kept = thread(id);
  const byId = new Map(kept.messages.map((message) => [message.id, message]));
  for (const message of messages) {
    byId.set(message.id, { ...byId.get(message.id), ...message });
    if (message.client_id) dropOutbox(message.client_id);
  }
  kept.messages = [...byId.values()].sort((one, other) => one.sequence - other.sequence);
}

/** `asked`: when the summary was asked for; a clock that was heard of since is newer than the one it brings. */
export function putConversation(summary, asked = Infinity) {
  const before = state.conversations.get(summary.id);
  if (before && summary.version !== undefined && before.version > summary.version) return;
  const sla = before?.clock_heard > asked ? { sla: before.sla } : {};
  state.conversations.set(summary.id, { ...before, ...summary, ...sla, removed: false });
  state.gone.delete(summary.id);
}

/** The views this person has: who sees only their own work has no team to look at. */
export function views() {
  return state.me.visibility === "own" || !state.me.team_id ? ["mine", "queue", "all", "resolved"] : ["mine", "queue", "team", "all", "resolved"];
}

export function inView(conversation, view = state.view) {
  if (conversation.removed) return false;
  if (view === "resolved") return !UNRESOLVED.has(conversation.status);
  if (!UNRESOLVED.has(conversation.status)) return false;
  if (view === "mine") return conversation.owner?.id === state.me.id;
  if (view === "queue") return !conversation.owner;
  if (view === "team") return conversation.team_id === state.me.team_id || conversation.owner?.id === state.me.id;
  return true;
}

function older(one, other) {
  return (one ?? "9999") < (other ?? "9999") ? -1 : (one ?? "9999") > (other ?? "9999") ? 1 : 0;
}

const SORTS = {
  longest: (a, b) => older(a.unanswered_since, b.unanswered_since) || -older(a.last_message_at, b.last_message_at),
  due: (a, b) => older(a.sla?.due_at, b.sla?.due_at) || older(a.unanswered_since, b.unanswered_since),
  newest: (a, b) => -older(a.last_message_at, b.last_message_at),
  opened: (a, b) => older(a.opened_at, b.opened_at),
};

export function sortedIds() {
  const shown = [...state.conversations.values()].filter((conversation) => inView(conversation));
  return shown.sort((a, b) => SORTS[state.sort](a, b) || (a.id < b.id ? -1 : 1)).map((conversation) => conversation.id);
}

/** Customer messages after my last read position. The server's figure, counted on by what came since. */
export function unreadOf(conversation) {
  return conversation.unread ?? 0;
}

export function myUnread() {
  return [...state.conversations.values()].filter((c) => inView(c, "mine")).reduce((sum, c) => sum + unreadOf(c), 0);
}

/** I may not see it any more. What is on screen stays, greyed, until the order is applied. */
export function remove(id) {
  const conversation = state.conversations.get(id);
  if (conversation) conversation.removed = true;
  leave(id, state.gone.get(id) ?? "no_access");
}

export function leave(id, reason) {
  if (state.gone.size > GONE_ROWS_MOST) state.gone.delete(state.gone.keys().next().value);
  state.gone.set(id, reason);
}

function takeMessage(data) {
  const message = data.message;
  const conversation = state.conversations.get(data.conversation_id);
  if (message) putMessages(data.conversation_id, [message]);
  state.typing.delete(data.conversation_id);
  if (data.conversation) return putConversation(data.conversation);
  if (!conversation) return announce("unknown", data.conversation_id);
  if (!message || message.sequence <= conversation.last_sequence) return;
  conversation.last_sequence = message.sequence;
  if (!["auto_ack", "system"].includes(message.message_class)) {
    // The server keeps these out of its lists too: they show what the customer said.
    conversation.preview = message.body || (message.attachments ?? []).map((file) => file.name).join(", ");
    conversation.preview_class = message.message_class;
  }
  conversation.last_message_at = message.arrived_at;
  if (message.visibility === "public") conversation.last_public_sequence = message.sequence;
  if (message.direction === "inbound") {
    conversation.unanswered_since ??= message.arrived_at;
    conversation.unread = (conversation.unread ?? 0) + 1;
  }
  if (message.message_class === "agent_public") conversation.unanswered_since = null;
}

function takeRights(data) {
  if (data.conversation) putConversation(data.conversation);
  const conversation = state.conversations.get(data.conversation_id);
  if (!conversation) return announce("unknown", data.conversation_id);
  const mine = data.before?.owner_id === state.me.id;
  if (mine && data.after?.owner_id !== state.me.id) {
    leave(data.conversation_id, "transferred");
  }
  if (data.conversation) return;
  // The owner counts at once; the name, and what else changed, come with the summary.
  const owner = data.after?.owner_id;
  conversation.owner = owner ? { id: owner, name: owner === state.me.id ? state.me.name : "" } : null;
  announce("stale", data.conversation_id);
}

/** Its most urgent clock, and word to who shows them all. */
function takeClock(id, change) {
  const conversation = state.conversations.get(id);
  if (conversation) Object.assign(conversation, { sla: change(conversation.sla), clock_heard: performance.now() });
  announce("clocks", id);
}

const EVENTS = {
  "conversation.opened": (data) => data.conversation ? putConversation(data.conversation) : announce("unknown", data.conversation_id),
  "conversation.gained": (data) => data.conversation && putConversation(data.conversation),
  "conversation.rights_changed": takeRights,
  "conversation.status_changed": (data) => {
    const conversation = state.conversations.get(data.conversation_id);
    if (!conversation) return announce("unknown", data.conversation_id);
    conversation.status = data.after;
    conversation.snoozed_until = data.snoozed_until;
    conversation.disposition = data.disposition ?? conversation.disposition;
    if (!UNRESOLVED.has(data.after)) leave(data.conversation_id, "resolved");
    announce("stale", data.conversation_id);
  },
  "message.received": takeMessage,
  "message.posted": takeMessage,
  "note.added": takeMessage,
  "message.delivery_changed": (data) => {
    const conversation = state.conversations.get(data.conversation_id);
    if (conversation && data.watermark) {
      const field = data.state === "read" ? "customer_read_sequence" : "customer_delivered_sequence";
      conversation[field] = Math.max(conversation[field] ?? 0, data.sequence);
    }
    const message = state.threads.get(data.conversation_id)?.messages.find((one) => one.sequence === data.sequence);
    if (message) Object.assign(message, { delivery_state: data.state, error_code: data.error_code });
  },
  "conversation.read": (data) => {
    const conversation = state.conversations.get(data.conversation_id);
    if (!conversation || data.agent_id !== state.me.id) return;
    conversation.my_read_sequence = Math.max(conversation.my_read_sequence ?? 0, data.sequence);
    if (data.sequence >= conversation.last_sequence) conversation.unread = 0;
    else announce("stale", data.conversation_id);
  },
  "conversation.categorised": (data) => {
    const conversation = state.conversations.get(data.conversation_id);
    if (conversation) conversation.category = data.after;
  },
  "sla.clocks_changed": (data) => takeClock(data.conversation_id, () => data.sla),
  "sla.pause_over": (data) => takeClock(data.conversation_id, (face) => face?.clock_id === data.clock_id ? { ...face, state: "running", due_at: data.due_at } : face),
  "sla.breached": (data) => takeClock(data.conversation_id, (face) => face),
  "offer.made": (data) => {
    if (data.offer) putOffer(data.offer);
  },
  "offer.ended": (data) => endOffer(data),
  "wrap_up.began": (data) => takeWrapUp(data, [data]),
  "wrap_up.ended": (data) => takeWrapUp(data, []),
  "transfer.ended": (data) => {
    if (data.from_agent_id === state.me.id) announce("answered", data);
  },
  "presence.changed": (data, frame) => {
    if (data.agent_id === state.me.id) state.presence = { ...state.presence, ...data.after, since: frame.at };
  },
};

export function putOffer(offer) {
  if (state.offers.has(offer.id)) return;
  state.offers.set(offer.id, { ...offer, ended: null });
  announce("offer", offer);
}

function takeWrapUp({ agent_id: agent, work_id: id }, now) {
  if (agent !== state.me.id) return;
  const others = (state.presence?.wrap_ups ?? []).filter((one) => one.work_id !== id);
  state.presence = { ...state.presence, wrap_ups: [...others, ...now] };
}

export function endWrapUp({ work_id }) {
  takeWrapUp({ agent_id: state.me.id, work_id }, []);
}

function endOffer(data) {
  if (data.reason === "auto" && data.agent_id === state.me.id) announce("assigned", data.conversation_id);
  const offer = state.offers.get(data.offer_id);
  if (!offer) return;
  offer.ended ??= data.state;
  announce("offer-ended", { offer, state: data.state });
}

/** All I start from. The open conversation stays until the server says what became of it. */
export function takeSnapshot(frame) {
  const open = state.conversations.get(state.selected);
  state.conversations = new Map([open, ...frame.conversations].filter(Boolean).map((summary) => [summary.id, summary]));
  for (const kept of state.threads.values()) kept.loaded = false;
  const offers = new Set(frame.offers.map((offer) => offer.id));
  for (const id of state.offers.keys()) if (!offers.has(id)) state.offers.delete(id);
  frame.offers.forEach(putOffer);
  state.presence = frame.presence ?? state.presence;
  state.lists.clear();
  // The snapshot holds these two lists in full, unless it stopped at its limits.
  const mine = frame.conversations.filter(({ owner }) => owner?.id === state.me.id).length;
  if (mine < MINE_MOST) state.lists.set("mine", "loaded");
  if (frame.conversations.length - mine < WAITING_MOST) state.lists.set("queue", "loaded");
  changed();
}

export function takeBatch(frames) {
  for (const frame of frames) {
    if (frame.type === "removed") {
      remove(frame.conversation_id);
    } else EVENTS[frame.event]?.(frame.data, frame);
    if (DUTIES.test(frame.event ?? "")) announce("duties", frame.data.conversation_id);
  }
  changed();
}

export function takeSignal(frame) {
  if (frame.name !== "typing" || (frame.who.kind === "agent" && frame.who.id === state.me.id)) return;
  if (frame.on) state.typing.set(frame.conversation_id, { who: frame.who, until: Date.now() + TYPING_MS });
  else state.typing.delete(frame.conversation_id);
  changed();
}

// What was sent and not yet confirmed outlives a reload: the server knows a repeated client id.
const outboxName = () => `switchboard.outbox.${state.me.id}`;

export function loadOutbox() {
  try { state.outbox = JSON.parse(localStorage.getItem(outboxName()) ?? "[]"); } catch { state.outbox = []; }
}

export function saveOutbox() {
  try { localStorage.setItem(outboxName(), JSON.stringify(state.outbox)); } catch { /* kept in memory */ }
}

export function dropOutbox(clientId) {
  const before = state.outbox.length;
  state.outbox = state.outbox.filter((entry) => entry.client_id !== clientId);
  if (state.outbox.length !== before) saveOutbox();
}
