// What the agent can do: each is one command or one call, with its outcome put into the store.
import { all, call } from "../shared/api.js";
import { newId } from "../shared/socket.js";
import { announce, changed, changes, leave, putConversation, putMessages, remove, saveOutbox, dropOutbox, state, thread } from "./store.js";

const PAGE = 50;
const COUNTS_MS = 1000;
const OPEN = "status=open&status=pending&status=on_hold&status=snoozed";
const FILTERS = {
  mine: `view=mine&${OPEN}`,
  queue: `view=queue&${OPEN}`,
  team: `view=team&${OPEN}`,
  all: `view=all&${OPEN}`,
  resolved: "view=all&status=resolved",
};

export async function loadView(view) {
  if (state.lists.get(view)) return;
  state.lists.set(view, "loading");
  const asked = performance.now();
  try {
    for (const summary of await all(`/v1/conversations?${FILTERS[view]}&limit=${PAGE}`)) putConversation(summary, asked);
    state.lists.set(view, "loaded");
  } catch (problem) {
    state.lists.set(view, problem);
  }
  changed();
}

export async function loadConversation(id) {
  const asked = performance.now();
  try {
    putConversation(await call("GET", `/v1/conversations/${id}`), asked);
  } catch (problem) {
    if (problem.status === 404 || problem.status === 403) remove(id);
  }
  changed();
}

/** The newest page, or with `older` the page before the first we have. */
export async function loadMessages(id, older = false) {
  const kept = thread(id);
  if (kept.loading || (older && kept.complete)) return;
  kept.loading = true;
  kept.error = null;
  const before = older && kept.messages.length ? `&before=${kept.messages[0].sequence}` : "";
  try {
    const page = await call("GET", `/v1/conversations/${id}/messages?limit=${PAGE}${before}`);
    // After a long break the newest page may begin far after the last one kept: a hole must not be shown as none.
    if (!older && page.items.length && kept.messages.length && page.items[0].sequence > kept.messages.at(-1).sequence + 1) kept.messages = [];
    putMessages(id, page.items);
    if (older || !kept.messages.length || kept.messages[0].sequence <= 1 || page.items.length < PAGE) {
      kept.complete = page.items.length < PAGE || kept.messages[0]?.sequence <= 1;
    }
    kept.loaded = true;
  } catch (problem) {
    kept.error = problem;
  }
  kept.loading = false;
  changed();
}

/** An address of a file that is good for some minutes. */
export async function linkOf(file) {
  return (await call("GET", `/v1/attachments/${file.id}/link`)).url;
}

let countsTimer = null;

/** The server's figures, asked at most once a second: counts of the views and, for who takes work, the load. */
export function refreshCounts({ presence: asked = true } = {}) {
  countsTimer ??= setTimeout(async () => {
    countsTimer = null;
    const worker = asked && state.me.scopes.includes("work");
    const [counts, presence] = await Promise.allSettled([call("GET", "/v1/views"), worker ? call("GET", "/v1/presence") : null]);
    // A failed call leaves the last figures until the next change.
    state.counts = counts.value ?? state.counts;
    state.presence = presence.value ?? state.presence;
    announce("counted");
    changed();
  }, COUNTS_MS);
}

/** Writes to the customer or a note. Shown at once; kept until the server has it; rejects with the Problem. */
export function send(conversationId, mode, body, { anyway = false, attachments = [], clientId = newId() } = {}) {
  const conversation = state.conversations.get(conversationId);
  const entry = {
    client_id: clientId,
    conversation_id: conversationId,
    mode,
    body,
    attachments,
    at: new Date(state.live.now()).toISOString(),
    expected: mode === "reply" && !anyway ? conversation?.last_public_sequence ?? null : null,
  };
  state.outbox.push(entry);
  saveOutbox();
  changed();
  return deliver(entry);
}

async function deliver(entry) {
  const data = { conversation_id: entry.conversation_id, client_id: entry.client_id, body: entry.body };
  if (entry.attachments?.length) data.attachments = entry.attachments.map((file) => file.id);
  if (entry.expected !== null && entry.expected !== undefined) data.expected_public_sequence = entry.expected;
  try {
    const name = entry.mode === "note" ? "note.add" : "message.send";
    const answer = await state.live.command(name, data, { key: entry.client_id });
    // A first sending shows itself by its event. A repeat has had its event before this page could hear it.
    if (answer.duplicate) {
      await loadMessages(entry.conversation_id);
      dropOutbox(entry.client_id);
    }
  } catch (problem) {
    dropOutbox(entry.client_id);
    throw problem;
  } finally {
    changed();
  }
}

/** After a reload: what had not been confirmed goes out again under its old client id. */
export function resendOutbox() {
  for (const entry of [...state.outbox]) {
    deliver(entry).catch((problem) => changes.dispatchEvent(new CustomEvent("unsent", { detail: { entry, problem } })));
  }
}

export async function acceptOffer(offer) {
  offer.key ??= newId();
  offer.busy = true;
  changed();
  try {
    await state.live.command("offer.accept", { offer_id: offer.id, token: offer.token }, { key: offer.key });
    offer.ended ??= "accepted";
    await loadConversation(offer.conversation_id);
    return true;
  } catch (problem) {
    Object.assign(offer, { problem, busy: false, ended: offer.ended ?? (problem.status === 409 ? "withdrawn" : null) });
    return false;
  } finally {
    changed();
  }
}

export async function declineOffer(offer, reason) {
  offer.busy = true;
  changed();
  try {
    await state.live.command("offer.decline", { offer_id: offer.id, token: offer.token, reason });
    offer.ended ??= "declined";
  } catch (problem) {
    Object.assign(offer, { problem, busy: false });
  }
  changed();
}

/** Opens the panel that says why the work is where it is; its code comes when first asked for. */
export async function explainRouting(conversationId, opener) {
  (await import("./why.js")).showWhy(conversationId, opener);
}

/** The same for the clocks: what counted, what did not, and why these policies. */
export async function explainClocks(conversationId, opener, clockId = null) {
  (await import("./why_clocks.js")).showWhyClocks(conversationId, opener, clockId);
}

export async function setPresence(readiness, reason = "") {
  const answer = await state.live.command("presence.set", { readiness, reason });
  if (answer.readiness) state.presence = { ...state.presence, ...answer };
  changed();
}

export async function clearPenalty() {
  const answer = await state.live.command("presence.clear_penalty", {});
  if (answer.readiness) state.presence = { ...state.presence, ...answer };
  changed();
}

export function markRead(conversation) {
  const sequence = conversation.last_sequence;
  if (!conversation.unread || (conversation.my_read_sequence ?? 0) >= sequence) return;
  Object.assign(conversation, { my_read_sequence: sequence, unread: 0 });
  state.live.command("conversation.read", { conversation_id: conversation.id, sequence }).catch(() => {});
  changed();
}

/** POSTs an act on a conversation and reads the conversation anew. */
export async function act(id, verb, body = {}) {
  const answer = await call("POST", `/v1/conversations/${id}/${verb}`, body, { key: newId() });
  if (answer?.id === id) putConversation(answer);
  // Who hands it on may lose sight of it: then the socket says so, and asking would only be refused.
  if (verb === "transfer" && !body.warm) leave(id, "transferred");
  else await loadConversation(id);
  refreshCounts();
}
