// One composer per conversation: reply and note are two boxes with two drafts, and never look alike.
import { explain } from "../shared/api.js";
import { el, filesOf, icon, set, setText, watchComposition } from "../shared/dom.js";
import { clockTime, t } from "../shared/i18n.js";
import { send } from "./acts.js";
import { draftOf, saveDraft } from "./drafts.js";
import { customerName } from "./list.js";
import { announce, state } from "./store.js";

const SAVE_MS = 300;
const TYPING_EVERY_MS = 3000;
const BODY_MOST = 8000;
const MODES = ["reply", "note"];
const TRAY = { url: "/v1/attachments", words: { remove: "console.files.remove" }, explain };
// A file that misses the composer must not take the console's place in the tab.
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());

export class MessageComposer extends HTMLElement {
  /** Bound for life: whatever is typed here goes to this conversation. */
  constructor(conversationId) {
    super();
    this.conversationId = conversationId;
    this.mode = "reply";
    this.touchedAt = -Infinity;
  }

  connectedCallback() {
    if (!this.fields) this.build();
    for (const field of Object.values(this.fields)) this.grow(field);
  }

  build() {
    this.tabs = {};
    this.fields = {};
    this.imes = {};
    this.trays = {};
    this.places = {};
    for (const mode of MODES) {
      this.tabs[mode] = el("button", { type: "button", role: "tab", class: `tab ${mode}`, onclick: () => this.switchTo(mode) });
      const field = el("textarea", { rows: 2, maxLength: BODY_MOST, class: mode, value: draftOf(this.conversationId, mode) });
      field.addEventListener("input", () => this.onInput(mode));
      field.addEventListener("keydown", (event) => this.onKey(event, mode));
      field.addEventListener("paste", (event) => this.attach(filesOf(event)));
      this.imes[mode] = watchComposition(field);
      this.places[mode] = el("div");
      this.fields[mode] = field;
    }
    this.via = el("p", { class: "via" });
    this.saved = el("span", { class: "saved", role: "status" });
    this.warning = el("div", { class: "warning", role: "alert", hidden: true });
    this.picker = el("input", { type: "file", multiple: true, hidden: true, onchange: () => this.attach([...this.picker.files]) });
    this.clip = el("button", { class: "button quiet", type: "button", onclick: () => { this.picker.value = ""; this.picker.click(); } }, icon("attach"));
    this.button = el("button", { class: "button filled", type: "button", onclick: () => this.submit() });
    this.box = el("div", { class: "box" },
      el("div", { class: "tabs", role: "tablist" }, this.tabs.reply, this.tabs.note, this.via),
      this.warning, ...Object.values(this.fields), ...Object.values(this.places),
      el("div", { class: "foot" }, this.clip, this.picker, this.saved, this.button));
    this.box.addEventListener("drop", (event) => this.attach(filesOf(event)));
    this.replaceChildren(this.box);
    addEventListener("pagehide", () => this.save({ urgent: true }));
    this.draw();
  }

  switchTo(mode, { focus = true } = {}) {
    this.save();
    this.mode = mode;
    this.draw();
    if (focus) this.fields[mode].focus();
  }

  /** True while taking the agent elsewhere would disturb what they write. */
  busy() {
    return Boolean(this.fields?.[this.mode].value) && performance.now() - this.touchedAt < 10000;
  }

  onInput(mode) {
    this.touchedAt = performance.now();
    this.grow(this.fields[mode]);
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.save(), SAVE_MS);
    setText(this.saved, "");
    this.drawButton();
    if (mode === "reply" && performance.now() - (this.typedAt ?? -Infinity) > TYPING_EVERY_MS) {
      this.typedAt = performance.now();
      state.live.hint("typing", { conversation_id: this.conversationId, on: true });
    }
  }

  grow(field) {
    field.style.height = "auto";
    if (field.scrollHeight) field.style.height = `${Math.min(field.scrollHeight + 2, 240)}px`;
  }

  save(options) {
    clearTimeout(this.saving);
    for (const mode of MODES) {
      const text = this.fields[mode].value;
      if (text !== draftOf(this.conversationId, mode)) {
        saveDraft(this.conversationId, mode, text, options);
        if (text && mode === this.mode) setText(this.saved, t("console.composer.saved"));
      } else if (options?.urgent && text) saveDraft(this.conversationId, mode, text, options);
    }
  }

  /** To the message that is shown: a note's files never stand in the reply. */
  async attach(files) {
    const mode = this.mode;
    if (files.length && !this.blocked(mode)) (await this.trayOf(mode)).add(files);
  }

  /** Loaded with the first file: most conversations carry none. */
  async trayOf(mode) {
    const { Tray } = await import("../shared/files.js");
    if (!this.trays[mode]) {
      this.trays[mode] = new Tray({ ...TRAY, changed: () => this.isConnected && this.drawButton() });
      this.places[mode].append(this.trays[mode].element);
    }
    return this.trays[mode];
  }

  /** Whether this mode has nothing to send, or a file still on its way. */
  hasNothing(mode) {
    const tray = this.trays[mode];
    return (!this.fields[mode].value.trim() && (tray?.empty ?? true)) || tray?.ready() === false;
  }

  onKey(event, mode) {
    if (event.key !== "Enter" || this.imes[mode](event)) return;
    if (event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.submit();
  }

  async submit({ anyway = false } = {}) {
    const mode = this.mode;
    const field = this.fields[mode];
    const body = field.value.trim();
    if (this.hasNothing(mode) || this.blocked(mode)) return;
    const attachments = this.trays[mode]?.take() ?? [];
    field.value = "";
    this.save();
    setText(this.saved, "");
    this.grow(field);
    this.hideWarning();
    this.drawButton();
    announce("sent", this.conversationId);
    try {
      await send(this.conversationId, mode, body, { anyway, attachments });
    } catch (problem) {
      this.putBack(mode, body, problem, attachments);
    }
  }

  /** A failed send gives the text back; what was typed since stays behind it. */
  putBack(mode, body, problem, attachments = []) {
    const field = this.fields?.[mode];
    if (!field) return saveDraft(this.conversationId, mode, body);
    field.value = field.value ? `${body}\n${field.value}` : body;
    this.trays[mode]?.putBack(attachments);
    this.grow(field);
    this.save();
    const stale = mode === "reply" && (problem.code === "newer_reply_exists");
    this.warning.hidden = false;
    this.warning.replaceChildren(el("p", { text: stale ? t("console.composer.colleague_replied", { name: problem.document.author?.name ?? t("console.thread.team"), time: clockTime(problem.document.replied_at ?? state.live.now()) }) : explain(problem) }));
    if (stale) this.warning.append(el("button", { class: "button", type: "button", text: t("console.composer.see"), onclick: () => announce("see") }),
      el("button", { class: "button", type: "button", text: t("console.composer.send_anyway"), onclick: () => this.submit({ anyway: true }) }));
    this.drawButton();
  }

  hideWarning() {
    this.warning.hidden = true;
    this.warning.replaceChildren();
  }

  /** Why nothing can be sent in this mode now, or "". */
  blocked(mode) {
    const conversation = state.conversations.get(this.conversationId);
    if (!conversation || conversation.removed) return t("console.gone.no_access");
    if (conversation.status === "closed") return t("console.composer.closed");
    if (mode === "note") return "";
    if (conversation.status === "resolved") return t("problem.conversation_not_open");
    if (!conversation.owner) return t("console.composer.unowned");
    if (conversation.owner.id !== state.me.id) return t("console.composer.other_owner", { name: conversation.owner.name ?? "" });
    return "";
  }

  drawButton() {
    const reason = this.blocked(this.mode);
    this.clip.disabled = Boolean(reason);
    set(this.button, { disabled: Boolean(reason) || this.hasNothing(this.mode), title: reason });
    if (reason) setText(this.saved, reason);
    else if (this.saved.dataset.reason === "1") setText(this.saved, "");
    this.saved.dataset.reason = reason ? "1" : "";
  }

  draw() {
    if (!this.fields) return;
    const conversation = state.conversations.get(this.conversationId) ?? {};
    this.box.className = `box ${this.mode}`;
    for (const mode of MODES) {
      setText(this.tabs[mode], t(`console.composer.${mode}`));
      this.tabs[mode].setAttribute("aria-selected", String(mode === this.mode));
      this.fields[mode].hidden = mode !== this.mode;
      this.places[mode].hidden = mode !== this.mode;
      this.fields[mode].placeholder = t(`console.composer.${mode}_placeholder`);
      this.fields[mode].setAttribute("aria-label", t(`console.composer.${mode}`));
    }
    set(this.clip, { "aria-label": t("console.files.attach"), title: t("console.files.attach") });
    if (!this.button.firstChild) this.button.append(icon("send", true), el("span"));
    setText(this.button.lastChild, t(this.mode === "note" ? "console.composer.add_note" : "console.composer.send"));
    this.via.hidden = this.mode === "note";
    setText(this.via, t("console.composer.via", { channel: t(`console.channel.${conversation.channel ?? "chat"}`), customer: customerName(conversation) }));
    this.drawButton();
  }

  focusField() {
    this.fields?.[this.mode].focus();
  }
}

customElements.define("sb-message-composer", MessageComposer);
