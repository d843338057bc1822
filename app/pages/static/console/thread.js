// The messages of one conversation, in the server's order, with notes that cannot be taken for replies.
import { call, explain } from "../shared/api.js";
import { el, icon, reconcile, setIcon, setText } from "../shared/dom.js";
import { dayName, fullMoment, moment, t } from "../shared/i18n.js";
import { linkOf, loadMessages, markRead, send } from "./acts.js";
import { changed, state, thread } from "./store.js";
import { customerName } from "./list.js";

const AT_END_PX = 60;
const READ_AFTER_MS = 1000;
const DOM_MOST = 200;
const STEP = 50;
const MARKS = { queued: "clock", sending: "clock", sent: "done", delivered: "read", read: "read", failed: "failed" };

function kindOf(message) {
  if (message.visibility === "internal" || message.message_class === "agent_internal") return "note";
  if (message.direction === "inbound") return "customer";
  if (message.message_class === "bot" || message.message_class === "auto_ack") return "bot";
  if (message.message_class === "system") return "system";
  return "agent";
}

export class MessageThread extends HTMLElement {
  connectedCallback() {
    this.log = el("div", { class: "log", role: "log", "aria-live": "polite" });
    this.older = el("button", { class: "button quiet older", type: "button", onclick: () => this.loadOlder() });
    this.notice = el("div", { class: "thread-notice", role: "alert", hidden: true });
    this.typing = el("p", { class: "typing", role: "status" });
    this.scroll = el("div", { class: "messages", id: "messages", tabIndex: 0 }, this.older, this.notice, this.log, this.typing);
    this.jump = el("button", { class: "jump button", type: "button", hidden: true, onclick: () => this.toEnd() });
    this.replaceChildren(this.scroll, this.jump);
    this.scroll.addEventListener("scroll", () => this.onScroll(), { passive: true });
    this.scrolls = new Map();
    // A log at its end stays there when the composer grows or the window shrinks.
    this.sizes = new ResizeObserver(() => this.atEnd && this.toEnd());
    this.sizes.observe(this.scroll);
    this.atEnd = true;
    this.from = null;
    this.clock = setInterval(() => this.considerRead(), READ_AFTER_MS);
  }

  disconnectedCallback() {
    this.sizes.disconnect();
    clearInterval(this.clock);
  }

  onScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroll;
    this.atEnd = this.from === null && scrollHeight - scrollTop - clientHeight < AT_END_PX;
    if (this.atEnd) this.seen = this.lastSequence();
    this.jump.hidden = this.atEnd;
    if (this.shown) this.scrolls.set(this.shown, this.atEnd ? null : scrollTop);
  }

  lastSequence() {
    return thread(this.shown).messages.at(-1)?.sequence ?? 0;
  }

  /** What stands in the document: the newest, or a stretch of the past that begins at `from`. */
  stretch(messages) {
    if (this.from === null) return messages.slice(-DOM_MOST);
    const at = Math.max(0, messages.findIndex(({ sequence }) => sequence >= this.from));
    return messages.slice(at, at + DOM_MOST);
  }

  toEnd() {
    if (this.from !== null) {
      this.from = null;
      this.atEnd = true;
      return this.draw();
    }
    this.scroll.scrollTop = this.scroll.scrollHeight;
    this.atEnd = true;
    this.jump.hidden = true;
    this.seen = this.lastSequence();
  }

  /** Read by the rule only: the end on screen, the tab visible and focused, for a second. */
  considerRead() {
    const conversation = state.conversations.get(this.shown);
    const watching = this.atEnd && conversation && !document.hidden && document.hasFocus() && this.offsetParent;
    if (watching && this.watched === conversation.last_sequence) markRead(conversation);
    this.watched = watching ? conversation.last_sequence : null;
  }

  async loadOlder() {
    const kept = thread(this.shown);
    const first = this.stretch(kept.messages)[0];
    const anchor = this.log.querySelector("article");
    const before = anchor.getBoundingClientRect().top;
    this.log.setAttribute("aria-busy", "true");
    if (kept.messages.indexOf(first) < STEP) await loadMessages(this.shown, true);
    const start = Math.max(0, kept.messages.indexOf(first) - STEP);
    this.from = kept.messages.length - start > DOM_MOST ? kept.messages[start].sequence : null;
    this.atEnd = false;
    this.draw();
    this.scroll.scrollTop += anchor.getBoundingClientRect().top - before;
    this.log.removeAttribute("aria-busy");
  }

  draw() {
    const id = state.selected;
    if (!id) return;
    const kept = thread(id);
    const switched = id !== this.shown;
    if (switched) this.opening(id, kept);
    if (!kept.loaded && !kept.loading && !kept.error) loadMessages(id);
    const ending = this.atEnd;
    this.drawFrame(kept);
    reconcile(this.log, this.items(id, kept), (item) => item.key, (item) => this.make(item), (element, item) => this.update(element, item));
    this.drawTyping(id);
    this.log.setAttribute("aria-label", t("console.thread.label", { customer: customerName(state.conversations.get(id) ?? {}) }));
    this.follow(switched, ending, id);
  }

  opening(id, kept) {
    this.shown = id;
    this.from = null;
    this.log.replaceChildren();
    const conversation = state.conversations.get(id);
    kept.dividerAfter = conversation?.unread ? conversation.my_read_sequence ?? 0 : null;
    this.atEnd = this.scrolls.get(id) == null;
    this.watched = null;
  }

  follow(switched, ending, id) {
    if (switched && this.scrolls.get(id) != null) this.scroll.scrollTop = this.scrolls.get(id);
    else if (ending || switched) this.toEnd();
    const fresh = this.lastSequence() - (this.seen ?? 0);
    this.jump.hidden = this.atEnd;
    setText(this.jump, fresh > 0 && !this.atEnd ? t("console.thread.new_below", { count: fresh }) : t("console.thread.to_end"));
  }

  drawFrame(kept) {
    this.older.hidden = !kept.loaded || (kept.complete && this.stretch(kept.messages)[0] === kept.messages[0]);
    setText(this.older, t("console.thread.older"));
    this.notice.hidden = !kept.error;
    if (kept.error) {
      this.notice.replaceChildren(explain(kept.error), " ", el("button", { class: "button", text: t("common.try_again"), onclick: () => loadMessages(this.shown) }));
    }
  }

  items(id, kept) {
    const items = [];
    let day = "";
    let divided = kept.dividerAfter === null;
    for (const message of this.stretch(kept.messages)) {
      const date = new Date(message.arrived_at).toDateString();
      if (date !== day) items.push({ key: `day ${date}`, kind: "day", at: message.arrived_at });
      day = date;
      if (!divided && message.sequence > kept.dividerAfter && message.direction === "inbound") {
        divided = true;
        items.push({ key: "new", kind: "new" });
      }
      items.push({ key: message.client_id ?? message.id, kind: kindOf(message), message });
    }
    const known = new Set(kept.messages.map((message) => message.client_id).filter(Boolean));
    for (const entry of state.outbox) {
      if (entry.conversation_id !== id || known.has(entry.client_id)) continue;
      const message = { body: entry.body, attachments: entry.attachments, arrived_at: entry.at, author: { id: state.me.id, name: state.me.name }, pending: true, entry };
      items.push({ key: entry.client_id, kind: entry.mode === "note" ? "note" : "agent", message });
    }
    return items;
  }

  make({ kind }) {
    if (kind === "day" || kind === "new" || kind === "system") return el("p", { class: `divider ${kind}` });
    const parts = {
      title: el("p", { class: "note-title" }),
      author: el("b", { class: "author" }),
      body: el("p", { class: "body" }),
      at: el("time"),
      mark: icon("clock", true),
      state: el("span", { class: "state" }),
      retry: el("span", { class: "retry" }),
      files: el("ul", { class: "files" }),
    };
    const element = el("article", { class: `message ${kind}` }, kind === "note" && parts.title, parts.author, parts.body, parts.files,
      el("p", { class: "under" }, parts.at, parts.mark, parts.state, parts.retry));
    element.parts = parts;
    return element;
  }

  update(element, { kind, message, at }) {
    if (kind === "day") return setText(element, dayName(at));
    if (kind === "new") return setText(element, t("console.thread.new"));
    if (kind === "system") return setText(element, message.body);
    const { title, author, body, at: time, files } = element.parts;
    setText(title, t("console.note.title"));
    setText(author, this.authorOf(kind, message));
    setText(body, message.body ?? "");
    // So that Chinese, Japanese and Korean customers get their own glyphs.
    body.lang = kind === "customer" ? state.conversations.get(this.shown)?.language ?? "" : "";
    time.dateTime = message.arrived_at;
    setText(time, moment(message.arrived_at));
    time.title = fullMoment(message.arrived_at);
    if (message.attachments?.length) import("../shared/files.js").then(({ drawFiles }) => drawFiles(files, message.attachments, linkOf));
    this.drawMark(element.parts, kind, message);
  }

  authorOf(kind, message) {
    if (kind === "customer") return customerName(state.conversations.get(this.shown) ?? {});
    if (kind === "bot") return t(message.message_class === "auto_ack" ? "console.thread.automatic" : "console.thread.bot");
    if (message.author?.id === state.me.id) return t("console.thread.you", { name: state.me.name });
    return message.author?.name ?? t("console.thread.team");
  }

  drawMark({ mark, state: word, retry }, kind, message) {
    const own = kind === "agent" || kind === "bot" || message.pending;
    mark.toggleAttribute("hidden", !own);
    mark.style.display = own ? "" : "none";
    if (!own) return setText(word, "");
    const name = this.markOf(message);
    setIcon(mark, MARKS[name]);
    word.className = `state ${name}`;
    const waiting = message.pending && state.live.state !== "live";
    setText(word, waiting ? t("console.mark.when_back") : t(kind === "note" && name === "sending" ? "console.mark.saving" : `console.mark.${name}`));
    if (name === "failed" && !retry.children.length) retry.append(this.retryButton(message));
  }

  markOf(message) {
    const conversation = state.conversations.get(this.shown) ?? {};
    if (message.pending) return "sending";
    if (message.delivery_state === "failed") return "failed";
    if (message.sequence <= (conversation.customer_read_sequence ?? 0)) return "read";
    if (message.sequence <= (conversation.customer_delivered_sequence ?? 0)) return "delivered";
    return message.delivery_state ?? "sent";
  }

  /** A message with files goes itself once more: they cannot be in a second one. */
  sendAgain(message) {
    if (message.attachments?.length) return call("POST", `/v1/messages/${message.id}/resend`);
    return send(this.shown, "reply", message.body);
  }

  retryButton(message) {
    return el("button", { class: "button quiet", text: t("console.thread.resend"), onclick: () => this.sendAgain(message).catch(() => changed()) });
  }

  drawTyping(id) {
    const typing = state.typing.get(id);
    const on = typing && typing.until > Date.now();
    const name = on ? typing.who.name || customerName(state.conversations.get(id) ?? {}) : "";
    setText(this.typing, on ? t("console.thread.typing", { name }) : "");
  }
}

customElements.define("sb-message-thread", MessageThread);
