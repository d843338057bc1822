// A visitor's conversation: one socket for all tabs of the shop, texts that wait for the line, marks.
import { Live, newId, Problem } from "../shared/socket.js";

const TYPING_MS = 8000;
const KEPT_MESSAGES = 200;
const RUNNING = new Set(["open", "pending", "on_hold", "snoozed"]);

/** As the server takes it: an IANA name, or nothing. */
function zone() {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
  return /^[A-Za-z0-9_+/-]{1,64}$/.test(name) ? name : "";
}

export class Chat extends EventTarget {
  constructor({ host, key, language }) {
    super();
    Object.assign(this, { host, key, language });
    this.name = `switchboard.${key}`;
    this.state = { line: "idle", conversation: null, messages: [], queue: null, typing: null, problem: null };
    this.leading = false;
    this.started = false;
  }

  // ---- what is kept in the host page's storage: token, whether a chat runs, how far the visitor has read, what waits
  read(part = "") {
    try { return JSON.parse(localStorage.getItem(this.name + part) ?? "null"); } catch { return null; }
  }

  write(value, part = "") {
    try { localStorage.setItem(this.name + part, JSON.stringify(value)); } catch { this.memory = { ...this.memory, [part]: value }; }
  }

  kept() { return this.read() ?? this.memory?.[""] ?? {}; }

  keep(change) { this.write({ ...this.kept(), ...change }); }

  outbox() { return this.read(".outbox") ?? this.memory?.[".outbox"] ?? []; }

  // ---- one tab leads
  start() {
    if (this.started) return;
    this.started = true;
    addEventListener("storage", (event) => event.key === `${this.name}.outbox` && this.tell());
    if (!navigator.locks || !globalThis.BroadcastChannel) return this.lead();
    this.channel = new BroadcastChannel(this.name);
    this.channel.onmessage = ({ data }) => this.hearTab(data);
    navigator.locks.request(this.name, () => new Promise(() => this.lead()));
    this.channel.postMessage({ kind: "who" });
  }

  hearTab({ kind, value }) {
    if (kind === "state" && !this.leading) {
      this.state = value;
      this.dispatchEvent(new Event("change"));
    }
    if (!this.leading) return;
    if (kind === "who") this.tell();
    if (kind === "flush") this.flush();
    if (kind === "hint") this.live?.hint(value.name, value.data);
    if (kind === "retry") this.retry();
  }

  toLeader(kind, value) {
    if (this.leading) this.hearTab({ kind, value });
    else this.channel?.postMessage({ kind, value });
  }

  /** Redraws here and in the other tabs. */
  tell() {
    this.dispatchEvent(new Event("change"));
    if (this.leading) this.channel?.postMessage({ kind: "state", value: this.state });
  }

  // ---- the line, held by the leading tab
  async lead() {
    this.leading = true;
    this.inFlight = new Set();
    try {
      await this.identify();
    } catch (problem) {
      // A refused origin cannot even read the refusal: for the shop's developer, not for the visitor.
      if (problem.code === "network") console.warn(`Switchboard: no answer. Is ${location.origin} among the chat account's allowed origins?`);
      this.state = { ...this.state, line: "error", problem: { code: problem.code, status: problem.status } };
      return this.tell();
    }
    const url = `${this.host.replace(/^http/, "ws")}/v1/widget/socket?key=${encodeURIComponent(this.key)}`;
    this.live = new Live({ url, token: () => this.kept().token });
    this.live.addEventListener("state", () => this.lineChanged());
    this.live.addEventListener("snapshot", ({ detail }) => this.takeSnapshot(detail));
    this.live.addEventListener("batch", ({ detail }) => this.takeBatch(detail));
    this.live.addEventListener("queue", ({ detail }) => this.takeQueue(detail));
    this.live.addEventListener("signal", ({ detail }) => this.takeSignal(detail));
    this.live.open();
  }

  async identify() {
    if (this.kept().token) return;
    const response = await fetch(`${this.host}/v1/widget/visitors`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      credentials: "omit",
      body: JSON.stringify({ key: this.key, language: this.language, timezone: zone() }),
    }).catch(() => { throw new Problem({ code: "network" }); });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Problem({ status: response.status, ...answer });
    this.keep({ token: answer.token });
  }

  async lineChanged() {
    const line = this.live.state;
    if (line === "ended") {
      // The token has run out or was withdrawn: this browser begins anew, once.
      const again = !this.renewed;
      this.renewed = true;
      this.live = null;
      this.keep({ token: undefined });
      if (again) return this.lead();
    }
    this.state = { ...this.state, line: line === "ended" ? "error" : line, problem: line === "ended" ? { code: "session" } : null };
    this.tell();
    if (line === "live") {
      this.renewed = false;
      this.flush();
    }
  }

  retry() {
    if (this.state.line === "error") this.lead();
  }

  takeSnapshot({ conversation, messages, queue }) {
    this.state = { ...this.state, conversation, messages: [], queue, typing: null };
    this.put(messages);
    this.keepActive();
    this.tell();
  }

  takeBatch(frames) {
    for (const { event, data } of frames) {
      if (data?.message) {
        this.put([data.message]);
        this.state.conversation ??= { id: data.conversation_id, status: "open", agent: null };
      }
      if (data?.conversation) this.state.conversation = { ...this.state.conversation, ...data.conversation };
      if (data && "queue" in data) this.state.queue = data.queue;
      if (data && "agent" in data) this.state.conversation = { ...this.state.conversation, agent: data.agent };
      if (event === "conversation.status_changed") this.state.conversation = { ...this.state.conversation, status: data.after };
      if (event === "message.posted") {
        this.state.typing = null;
        if (data.message?.message_class === "agent_public") this.state.queue = null;
      }
    }
    this.keepActive();
    this.tell();
  }

  /** `longer`: what was said before was too little; it stays said until the wait grows shorter. */
  takeQueue({ queue }) {
    const before = this.state.queue?.eta_p50_seconds ?? queue?.eta_p50_seconds;
    const change = (queue?.eta_p50_seconds ?? before) - before;
    this.state.queue = queue && { ...queue, longer: change > 0 || (Boolean(this.state.queue?.longer) && !(change < 0)) };
    this.tell();
  }

  /** While a chat runs, the next page of the shop connects by itself. */
  keepActive() {
    this.keep({ active: this.isRunning() || this.outbox().length > 0 });
  }

  takeSignal(frame) {
    if (frame.name !== "typing" || frame.who.kind !== "agent") return;
    this.state.typing = frame.on ? { name: frame.who.name, until: Date.now() + TYPING_MS } : null;
    this.tell();
  }

  put(messages) {
    const byId = new Map(this.state.messages.map((message) => [message.id, message]));
    for (const message of messages) byId.set(message.id, message);
    this.state.messages = [...byId.values()].sort((one, other) => one.sequence - other.sequence).slice(-KEPT_MESSAGES);
    const clientIds = new Set(messages.map((message) => message.client_id).filter(Boolean));
    if (clientIds.size) this.write(this.outbox().filter((entry) => !clientIds.has(entry.client_id)), ".outbox");
    const last = this.state.messages.findLast((message) => message.direction === "outbound");
    if (last && last.sequence > (this.delivered ?? 0)) {
      this.delivered = last.sequence;
      this.live?.hint("delivered", { sequence: last.sequence });
    }
  }

  // ---- what the visitor does, in any tab
  send(body, attachments = []) {
    const entry = { client_id: newId(), body, attachments, at: new Date().toISOString() };
    this.write([...this.outbox(), entry], ".outbox");
    this.keep({ active: true });
    this.tell();
    this.toLeader("flush");
  }

  flush() {
    if (this.state.line !== "live") return;
    for (const entry of this.outbox()) if (!entry.failed && !this.inFlight.has(entry.client_id)) this.deliver(entry);
  }

  async deliver(entry) {
    this.inFlight.add(entry.client_id);
    try {
      const data = { client_id: entry.client_id, body: entry.body };
      if (entry.attachments?.length) data.attachments = entry.attachments.map((file) => file.id);
      const answer = await this.live.command("message.send", data, { key: entry.client_id });
      // A first sending comes back as its event. A repeat has been shown with the snapshot.
      if (answer.duplicate) this.write(this.outbox().filter((one) => one.client_id !== entry.client_id), ".outbox");
      else this.mark(entry, { sent: true });
    } catch (problem) {
      this.mark(entry, { failed: problem.code });
    }
    this.inFlight.delete(entry.client_id);
    this.tell();
  }

  mark(entry, change) {
    this.write(this.outbox().map((one) => (one.client_id === entry.client_id ? { ...one, ...change } : one)), ".outbox");
  }

  resend(entry) {
    this.mark(entry, { failed: undefined });
    this.tell();
    this.toLeader("flush");
  }

  /** The visitor's token, as soon as there is one. */
  async token() {
    while (!this.kept().token) {
      if (this.state.line === "error") throw new Problem({ code: "network", status: 0 });
      await new Promise((resolve) => this.addEventListener("change", resolve, { once: true }));
    }
    return this.kept().token;
  }

  /** The visitor has enough; that it has ended comes as its event. */
  async end() {
    const headers = { Authorization: `Bearer ${await this.token()}` };
    const response = await fetch(`${this.host}/v1/widget/end`, { method: "POST", headers, credentials: "omit" });
    if (!response.ok) throw new Problem({ status: response.status, code: "unknown" });
  }

  isRunning() { return RUNNING.has(this.state.conversation?.status); }

  /** What is shown: what the server has, and what is still to be sent. */
  items() {
    const { messages } = this.state;
    const known = new Set(messages.map((message) => message.client_id));
    const waiting = this.outbox().filter((entry) => !known.has(entry.client_id)).map((entry) => ({ ...entry, arrived_at: entry.at, direction: "inbound", pending: true }));
    return [...messages, ...waiting];
  }

  /** An address of a file that is good for some minutes. */
  async linkOf(file) {
    const headers = { Authorization: `Bearer ${await this.token()}` };
    const response = await fetch(`${this.host}/v1/widget/attachments/${file.id}/link`, { headers, credentials: "omit" });
    if (!response.ok) throw new Problem({ status: response.status, code: "unknown" });
    return this.host + (await response.json()).url;
  }

  typing() {
    if (!this.state.conversation) return;
    this.toLeader("hint", { name: "typing", data: { on: true } });
  }

  unread() {
    const seen = this.kept().read ?? 0;
    return this.state.messages.filter((message) => message.direction === "outbound" && message.sequence > seen).length;
  }

  /** All that is shown has been seen. */
  markRead() {
    const last = this.state.messages.findLast((message) => message.direction === "outbound");
    if (!last || last.sequence <= (this.kept().read ?? 0) || this.state.line !== "live") return;
    this.keep({ read: last.sequence });
    this.toLeader("hint", { name: "read", data: { sequence: last.sequence } });
    this.tell();
  }

  logout() {
    this.live?.close();
    for (const part of ["", ".outbox"]) localStorage.removeItem(this.name + part);
    location.reload();
  }
}
