// The open widget: header, messages, composer. One element in the loader's shadow root.
import { el, filesOf, holdFocus, holdPage, icon, linked, reconcile, set, setIcon, setText, watchComposition } from "../shared/dom.js";
import { language, load, moment, t, has } from "../shared/i18n.js";
import { Chat } from "./chat.js";

const TYPING_EVERY_MS = 3000;
const BODY_MOST = 4000;
const PHONE = matchMedia("(max-width: 599px)");
const DRAFT = "switchboard.draft";
const OPEN = "switchboard.open";

export async function mount(element, settings) {
  const sheet = new CSSStyleSheet();
  const [style] = await Promise.all([
    fetch(`${settings.assets}/widget/all.css`).then((response) => response.text()),
    load(settings.assets, "widget", settings.language),
  ]);
  sheet.replaceSync(style);
  element.shadowRoot.adoptedStyleSheets = [sheet, ...element.shadowRoot.adoptedStyleSheets];
  return new Panel(element, settings);
}

/** In words that promise no more than is known; none where nothing is. */
function waitWords(queue) {
  if (!queue?.eta_p90_seconds) return "";
  const [low, high] = [queue.eta_p50_seconds, queue.eta_p90_seconds].map((seconds) => Math.ceil(seconds / 60));
  if (high <= 1) return t("widget.queue_eta_soon");
  if (low > 60) return t("widget.queue_eta_long");
  return low === high ? t("widget.queue_eta_about", { minutes: high }) : t("widget.queue_eta", { low, high });
}

class Panel {
  constructor(element, settings) {
    this.element = element;
    this.settings = settings;
    this.chat = new Chat(settings);
    this.chat.addEventListener("change", () => this.draw());
    this.build();
    element.shadowRoot.append(this.box);
    this.words();
    if (this.chat.kept().active) this.chat.start();
    if (sessionStorage.getItem(OPEN) === "1") this.open({ focus: false });
    setInterval(() => this.shown() && this.drawTyping(), 1000);
    for (const name of ["focus", "visibilitychange"]) addEventListener(name, () => this.seen());
  }

  build() {
    this.heading = el("h2", { id: "title" });
    this.hide = el("button", { class: "icon-button", type: "button", onclick: () => this.close() }, icon("down"));
    this.end = el("button", { class: "link end", type: "button", hidden: true, onclick: () => this.askToEnd() });
    this.status = el("p", { class: "status", role: "status", hidden: true });
    this.greeting = el("div", { class: "greeting" }, el("p", { class: "hello" }), el("p", { class: "sub" }));
    this.log = el("div", { class: "log", role: "log", "aria-live": "polite" });
    this.queue = el("div", { class: "queue", role: "status", hidden: true }, el("p"), el("p", { class: "sub" }));
    this.ended = el("p", { class: "ended", role: "status" });
    this.typing = el("p", { class: "typing", role: "status" });
    this.failure = el("div", { class: "failure", role: "alert", hidden: true }, el("p"), el("p", { class: "sub" }), el("button", { class: "button", type: "button", onclick: () => this.chat.toLeader("retry") }));
    this.messages = el("div", { class: "messages", tabIndex: 0 }, this.greeting, this.log, this.queue, this.ended, this.failure, this.typing);
    this.field = el("textarea", { rows: 1, maxLength: BODY_MOST, enterkeyhint: "send", value: sessionStorage.getItem(DRAFT) ?? "" });
    this.send = el("button", { class: "icon-button send", type: "button", onclick: () => this.submit() }, icon("send"));
    this.picker = el("input", { type: "file", multiple: true, hidden: true, onchange: () => this.put([...this.picker.files]) });
    this.clip = el("button", { class: "icon-button", type: "button", onclick: () => { this.picker.value = ""; this.picker.click(); } }, icon("attach"));
    this.composer = el("div", { class: "composer" }, this.clip, this.picker, this.field, this.send);
    this.box = el("section", { class: "panel", role: "dialog", "aria-labelledby": "title", hidden: true },
      el("header", {}, el("div", {}, this.heading), this.end, this.hide), this.status, this.messages, this.composer);
    this.listen();
  }

  listen() {
    const composing = watchComposition(this.field);
    this.field.addEventListener("input", () => this.onInput());
    this.field.addEventListener("paste", (event) => this.put(filesOf(event)));
    this.box.addEventListener("dragover", (event) => event.preventDefault());
    this.box.addEventListener("drop", (event) => this.put(filesOf(event)));
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || composing(event)) return;
      event.preventDefault();
      this.submit();
    });
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !composing(event)) (this.question ? this.question.leave() : this.close());
      if (event.key === "Tab" && PHONE.matches) holdFocus(this.box, event);
      // The shop's own keys must not hear what is typed here.
      event.stopPropagation();
    });
    visualViewport?.addEventListener("resize", () => this.fit());
    visualViewport?.addEventListener("scroll", () => this.fit());
    PHONE.addEventListener("change", () => this.shown() && this.lockPage(PHONE.matches));
    // At its end the log stays there when keyboard or composer take room from it.
    new ResizeObserver(() => this.atEnd && this.toEnd()).observe(this.messages);
    this.messages.addEventListener("scroll", () => {
      this.atEnd = this.messages.scrollHeight - this.messages.scrollTop - this.messages.clientHeight < 48;
    }, { passive: true });
  }

  shown() {
    return !this.box.hidden;
  }

  open({ focus = true } = {}) {
    if (this.shown()) return;
    this.box.hidden = false;
    this.element.bubble.classList.add("behind");
    try { sessionStorage.setItem(OPEN, "1"); } catch { /* only for a reload */ }
    this.box.setAttribute("aria-modal", String(PHONE.matches));
    this.lockPage(PHONE.matches);
    this.chat.start();
    this.atEnd = true;
    this.draw();
    this.fit();
    if (focus) this.field.focus();
  }

  close() {
    if (!this.shown()) return;
    this.box.hidden = true;
    this.element.bubble.classList.remove("behind");
    sessionStorage.removeItem(OPEN);
    this.lockPage(false);
    this.element.closed();
  }

  logout() {
    sessionStorage.removeItem(OPEN);
    sessionStorage.removeItem(DRAFT);
    this.chat.logout();
  }

  lockPage(on) {
    if (on) this.release ??= holdPage();
    else this.release = this.release?.();
  }

  /** Phones do not shrink the page for their keyboard: the panel follows what is truly visible. */
  fit() {
    const phone = PHONE.matches && visualViewport && this.shown();
    this.box.style.height = phone ? `${visualViewport.height}px` : "";
    this.box.style.top = phone ? `${visualViewport.offsetTop}px` : "";
  }

  async setLanguage(tag) {
    await load(this.settings.assets, "widget", tag);
    this.words();
    this.draw();
  }

  words() {
    this.box.lang = language;
    this.field.placeholder = t("widget.placeholder");
    this.field.setAttribute("aria-label", t("widget.placeholder"));
    set(this.hide, { "aria-label": t("widget.close"), title: t("widget.close") });
    set(this.clip, { "aria-label": t("widget.files.attach"), title: t("widget.files.attach") });
    set(this.send, { "aria-label": t("widget.send"), title: t("widget.send") });
    this.log.setAttribute("aria-label", t("widget.log"));
    this.messages.setAttribute("aria-label", t("widget.log"));
    setText(this.end, t("widget.end.act"));
    this.question?.words();
    setText(this.greeting.firstChild, t("widget.greeting"));
    setText(this.greeting.lastChild, t("widget.greeting_detail"));
  }

  onInput() {
    this.grow();
    try { sessionStorage.setItem(DRAFT, this.field.value); } catch { /* kept in the field */ }
    if (performance.now() - (this.typedAt ?? -Infinity) < TYPING_EVERY_MS) return;
    this.typedAt = performance.now();
    this.chat.typing();
  }

  grow() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, 120)}px`;
    this.send.disabled = !this.canSend();
  }

  canSend() {
    return this.tray && !this.tray.empty ? this.tray.ready() : Boolean(this.field.value.trim());
  }

  async put(files) {
    if (!files.length) return;
    const { makeTray } = await import("./files.js");
    this.tray ??= makeTray({ host: this.settings.host, chat: this.chat, changed: () => this.grow() });
    this.composer.prepend(this.tray.element);
    this.tray.add(files);
  }

  async drawFiles(list, files) {
    if (!files.length) return;
    (await import("./files.js")).show(this.chat, list, files);
    if (this.atEnd) this.toEnd();
  }

  async askToEnd() {
    const { ask } = await import("./ending.js");
    if (this.chat.isRunning()) (this.question ??= ask(this)).focus();
  }

  submit() {
    if (!this.canSend()) return;
    const body = this.field.value.trim();
    this.field.value = "";
    sessionStorage.removeItem(DRAFT);
    this.grow();
    this.atEnd = true;
    this.chat.send(body, this.tray?.take());
    this.field.focus();
  }

  seen() {
    if (this.shown() && !document.hidden && document.hasFocus()) this.chat.markRead();
  }

  draw() {
    this.element.setUnread(this.shown() && !document.hidden ? 0 : this.chat.unread());
    if (!this.shown()) return;
    this.drawHead();
    const items = this.chat.items();
    reconcile(this.log, items, (item) => item.client_id ?? item.id, (item) => this.make(item), (one, item) => this.update(one, item, items));
    this.greeting.hidden = items.length > 0;
    this.drawQueue();
    this.drawTyping();
    this.grow();
    if (this.atEnd) this.toEnd();
    this.seen();
  }

  drawHead() {
    const { conversation, line, problem } = this.chat.state;
    const running = this.chat.isRunning();
    const agent = running && conversation.agent?.name;
    setText(this.heading, agent ? t("widget.talking", { name: agent }) : t("widget.title"));
    this.end.hidden = !running;
    if (!running) this.question?.leave();
    setText(this.ended, conversation && !running ? t("widget.ended") : "");
    const down = line === "offline" ? "widget.offline" : line === "reconnecting" ? "widget.reconnecting" : "";
    this.status.hidden = !down;
    if (down) setText(this.status, t(down));
    this.failure.hidden = line !== "error";
    if (line !== "error") return;
    const [what, why, again] = this.failure.children;
    setText(what, problem && has(`widget.problem.${problem.code}`) ? t(`widget.problem.${problem.code}`) : t("widget.error"));
    setText(why, t("widget.error_detail"));
    setText(again, t("widget.try_again"));
  }

  drawQueue() {
    const { queue, conversation } = this.chat.state;
    const waiting = this.chat.isRunning() && !conversation.agent;
    this.queue.hidden = !waiting;
    if (!waiting) return;
    setText(this.queue.firstChild, queue?.position ? t("widget.queue_position", { position: queue.position }) : t("widget.queue_waiting"));
    setText(this.queue.lastChild, [waitWords(queue), queue?.longer ? t("widget.queue_longer") : ""].filter(Boolean).join(" "));
  }

  drawTyping() {
    const { typing } = this.chat.state;
    const on = typing && typing.until > Date.now();
    setText(this.typing, on ? t("widget.typing", { name: typing.name || t("widget.agent") }) : "");
  }

  make(item) {
    const kind = item.direction === "inbound" ? "own" : item.message_class === "bot" || item.message_class === "auto_ack" ? "bot" : item.message_class === "system" ? "system" : "agent";
    const parts = { author: el("b"), body: el("p", { class: "body" }), files: el("ul", { class: "files", hidden: true }), under: el("p", { class: "under" }), at: el("time"), mark: icon("clock", true), word: el("span"), again: el("button", { class: "link", type: "button", hidden: true }) };
    parts.under.append(parts.at, parts.mark, parts.word, parts.again);
    const element = el("article", { class: `message ${kind}` }, parts.author, parts.body, parts.files, parts.under);
    element.parts = { ...parts, kind };
    parts.again.addEventListener("click", () => this.chat.resend(element.item));
    return element;
  }

  update(element, item, items) {
    const { author, body, at, kind, mark, word, again } = element.parts;
    element.item = item;
    const before = items[items.indexOf(item) - 1];
    const follows = before && before.direction === item.direction && before.author?.id === item.author?.id;
    author.hidden = Boolean(follows) || kind === "own" || kind === "system";
    setText(author, item.message_class === "auto_ack" ? t("widget.automatic") : kind === "bot" ? t("widget.bot") : item.author?.name ?? t("widget.agent"));
    if (body.textContent !== item.body) body.replaceChildren(...linked(item.body ?? ""));
    this.drawFiles(element.parts.files, item.attachments ?? []);
    setText(at, moment(item.arrived_at));
    at.dateTime = item.arrived_at;
    const name = kind !== "own" ? "" : item.failed ? "failed" : item.pending && !item.sent ? (this.chat.state.line === "live" ? "sending" : "waiting") : "sent";
    mark.style.display = name ? "" : "none";
    setIcon(mark, { failed: "failed", sent: "done" }[name] ?? "clock");
    setText(word, name === "failed" ? t(has(`widget.problem.${item.failed}`) ? `widget.problem.${item.failed}` : "widget.mark.failed") : name ? t(`widget.mark.${name}`) : "");
    element.classList.toggle("failed", name === "failed");
    again.hidden = name !== "failed";
    setText(again, t("widget.resend"));
  }

  toEnd() {
    this.messages.scrollTop = this.messages.scrollHeight;
  }
}
