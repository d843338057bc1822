// One live connection: authenticate, subscribe from the last position, replay, catch up, and again after every break.
// The widget may make eight requests in all: what else it shares with the console stands here, not in files of its own.

// The first try too comes anywhere within its time: consoles that lost one server together do not return as one.
const BACK_OFF_FIRST_MS = 2000;
const BACK_OFF_MOST_MS = 15000;
const TELL_AFTER_MS = 2000;
const TOO_MANY = 4429;
const NETWORK_LOST = 1006;
const TOO_MANY_MS = 5000;
const SILENT_HEARTBEATS = 2.5;
const ENDING_CODES = new Set([4401, 4403]);

/** A problem+json answer, or the network's failure under the code `network`. */
export class Problem extends Error {
  constructor(document) {
    super(document.detail ?? document.title ?? document.code);
    this.document = document;
    this.status = document.status ?? 0;
    this.code = document.code ?? "unknown";
  }
}

/** An id made by the page: what is sent twice is known as one. */
export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // On plain http away from loopback browsers withhold randomUUID.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

/** A same-origin worker file. Null where workers are barred; the one place that hands a script address to a page. */
export function startWorker(address) {
  const url = new URL(address, location.origin);
  if (url.origin !== location.origin || !url.pathname.startsWith("/assets/")) throw new TypeError("not one of our files");
  const policy = globalThis.trustedTypes?.createPolicy("switchboard", { createScriptURL: () => url.href });
  try { return new Worker(policy ? policy.createScriptURL(url.href) : url.href); } catch { return null; }
}

function numberOf(position) {
  const [incarnation, number] = String(position).split("-");
  return { incarnation, number: Number(number) };
}

/**
 * Emits: `state` (this.state changed), `hello`, `snapshot`, `batch` (events and removals in order; a whole replay
 * comes as one), `signal`, `board`. States: idle, connecting, catching_up, live, reconnecting, offline, ended,
 * replaced. `ended` and `replaced` wait for open().
 */
export class Live extends EventTarget {
  constructor({ url, token = () => null, board = false, worker = null }) {
    super();
    Object.assign(this, { url, token, board, worker });
    this.state = "idle";
    this.position = null;
    this.offset_ms = 0;
    this.caught = 0;
    this.attempt = 0;
    this.pending = new Map();
    this.replayed = [];
    this.wanted = false;
    worker?.addEventListener("message", () => this.#beat());
    for (const name of ["online", "focus", "pageshow"]) addEventListener(name, () => this.#hurry());
    // A line kept open through it would deliver nothing, or half: the resume after it misses nothing.
    addEventListener("offline", () => {
      if (!this.wanted) return;
      this.#drop();
      this.#lost(NETWORK_LOST);
    });
    document.addEventListener("visibilitychange", () => this.#hurry());
  }

  /** The server's clock, now. */
  now() {
    return Date.now() + this.offset_ms;
  }

  open() {
    this.wanted = true;
    if (this.state === "ended" || this.state === "replaced") this.#setState("idle");
    if (!this.socket) this.#connect();
  }

  close() {
    this.wanted = false;
    clearTimeout(this.retry);
    this.#drop();
    this.#setState("idle");
  }

  /** Sends a command once, again after a break under the same key. Answers its data or throws a Problem. */
  command(name, data, { key = newId() } = {}) {
    const id = newId();
    const frame = { type: "command", id, name, key, data };
    return new Promise((resolve, reject) => {
      this.pending.set(id, { frame, resolve, reject });
      if (this.state === "live") this.#write(frame);
    });
  }

  /** For what is worthless when late: typing and the like. Answers are ignored. */
  hint(name, data) {
    if (this.state === "live") this.#write({ type: "command", id: newId(), name, data });
  }

  #setState(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #write(frame) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  #connect() {
    clearTimeout(this.retry);
    if (this.state === "idle") this.#setState("connecting");
    else this.tell ??= setTimeout(() => this.#setState(navigator.onLine ? "reconnecting" : "offline"), TELL_AFTER_MS);
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.heardAt = Date.now();
    socket.onopen = () => {
      const token = this.token();
      if (token) this.#write({ type: "authenticate", token });
    };
    socket.onmessage = ({ data }) => socket === this.socket && this.#hear(JSON.parse(data));
    socket.onclose = ({ code }) => socket === this.socket && this.#lost(code);
  }

  #drop() {
    const socket = this.socket;
    this.socket = null;
    clearInterval(this.beats);
    clearTimeout(this.tell);
    this.tell = undefined;
    socket?.close(1000);
  }

  #lost(code) {
    const wait = this.retryAfter ?? 0;
    const ending = this.ending ?? (ENDING_CODES.has(code) ? "ended" : null);
    this.retryAfter = this.ending = undefined;
    this.socket = null;
    clearInterval(this.beats);
    this.replayed = [];
    if (!this.wanted) return;
    if (ending) {
      this.wanted = false;
      clearTimeout(this.tell);
      this.tell = undefined;
      return this.#setState(ending);
    }
    if (!navigator.onLine) this.#setState("offline");
    else this.tell ??= setTimeout(() => this.#setState("reconnecting"), this.state === "live" ? TELL_AFTER_MS : 0);
    if (this.state === "live" || this.state === "catching_up") this.quiet = true;
    const ceiling = Math.min(BACK_OFF_MOST_MS, BACK_OFF_FIRST_MS * 2 ** this.attempt++);
    // Without a network each try is only noise; `online` tries at once.
    const least = !navigator.onLine ? BACK_OFF_MOST_MS : code === TOO_MANY ? TOO_MANY_MS : 0;
    this.retry = setTimeout(() => this.#connect(), Math.max(wait, least, ceiling * Math.random()));
  }

  #hurry() {
    if (!this.wanted || !navigator.onLine) return;
    if (!this.socket) this.#connect();
    else this.#beat();
  }

  #beat() {
    if (!this.socket) return;
    if (Date.now() - this.heardAt > this.heartbeatMs * SILENT_HEARTBEATS) {
      this.#drop();
      return this.#lost(4408);
    }
    this.#write({ type: "ping" });
  }

  #startBeats(seconds) {
    this.heartbeatMs = seconds * 1000;
    if (this.worker) this.worker.postMessage(seconds);
    else this.beats = setInterval(() => this.#beat(), this.heartbeatMs);
  }

  #subscribe(after) {
    this.position = after;
    this.#write({ type: "subscribe", after, board: this.board });
  }

  #hear(frame) {
    this.heardAt = Date.now();
    const act = this[`_${frame.type}`];
    if (act) act.call(this, frame);
  }

  _hello(frame) {
    this.offset_ms = Date.parse(frame.server_time) - Date.now();
    this.#startBeats(frame.heartbeat_seconds);
    if (this.position && numberOf(this.position).incarnation !== String(frame.incarnation)) this.position = null;
    this.#emit("hello", frame);
    this.#subscribe(this.position);
  }

  _pong(frame) {
    this.offset_ms = Date.parse(frame.server_time) - Date.now();
    // Nothing up to there was for us: a resume need not read it again.
    if (this.state === "live" && frame.position) this.position = frame.position;
  }

  _snapshot(frame) {
    this.position = frame.position;
    this.replayed = [];
    this.#emit("snapshot", frame);
    this.#nowLive();
  }

  _caught_up(frame) {
    this.position = frame.position;
    const batch = this.replayed;
    this.replayed = [];
    if (batch.length) this.#emit("batch", batch);
    this.#nowLive();
  }

  _resync_required() {
    this.#subscribe(null);
  }

  #nowLive() {
    this.attempt = 0;
    clearTimeout(this.tell);
    this.tell = undefined;
    this.quiet = false;
    this.#setState("live");
    for (const { frame } of this.pending.values()) this.#write(frame);
  }

  #take(frame) {
    if (this.position && numberOf(frame.position).number <= numberOf(this.position).number) return;
    this.position = frame.position;
    if (this.state === "live" && !this.tell && !this.quiet) return this.#emit("batch", [frame]);
    this.replayed.push(frame);
    this.caught = this.replayed.length;
    if (this.state !== "live") this.#setState("catching_up");
    this.dispatchEvent(new Event("state"));
  }

  _event(frame) { this.#take(frame); }

  _removed(frame) { this.#take(frame); }

  _signal(frame) { this.#emit("signal", frame); }

  _queue(frame) { this.#emit("queue", frame); }

  _board(frame) { this.#emit("board", frame); }

  _result(frame) {
    const waiting = this.pending.get(frame.id);
    if (!waiting) return;
    this.pending.delete(frame.id);
    if (frame.ok) waiting.resolve(frame.data ?? {});
    else waiting.reject(new Problem(frame.problem));
  }

  _bye(frame) {
    this.retryAfter = frame.retry_after_ms;
    if (frame.reason === "session_ended") this.ending = "ended";
    if (frame.reason === "replaced") this.ending = "replaced";
  }
}
