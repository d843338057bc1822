// A bar for each conversation the agent wraps up: the time that is left, what came of it, and the way to end it.
import { call, explain } from "../shared/api.js";
import { el, icon, reconcile, set, setText } from "../shared/dom.js";
import { span, t } from "../shared/i18n.js";
import { newId } from "../shared/socket.js";
import { customerName } from "./list.js";
import { announce, changed, changes, endWrapUp, state } from "./store.js";

const OUTCOMES = ["solved", "information", "not_solved", "no_answer", "spam"];
const asked = new Set();

class WrapUps extends HTMLElement {
  connectedCallback() {
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    for (const name of ["change", "language"]) changes.addEventListener(name, () => this.draw(), { signal });
    this.clock = setInterval(() => this.tick(), 1000);
    this.draw();
  }

  disconnectedCallback() {
    this.listeners.abort();
    clearInterval(this.clock);
  }

  /** One place stands above the open conversation and has its bar; the other has those of all the others. */
  shown() {
    const here = this.dataset.of === "open";
    return (state.presence?.wrap_ups ?? []).filter((one) => (one.conversation_id === state.selected) === here);
  }

  draw() {
    reconcile(this, this.shown(), (one) => one.work_id, (one) => this.make(one), (bar, one) => this.drawBar(bar, one));
    this.tick();
  }

  make(wrapUp) {
    const parts = { words: el("span", { role: "status" }), left: el("span", { class: "figure", role: "timer" }), problem: el("span", { class: "error", role: "alert" }) };
    parts.outcome = el("select", { required: true }, el("option", { value: "" }), ...OUTCOMES.map((value) => el("option", { value })));
    parts.open = el("a", { class: "button quiet", href: `#${state.view}/${wrapUp.conversation_id}` });
    parts.end = el("button", { class: "button filled", type: "submit" });
    const bar = el("form", { class: "banner wrap-up", onsubmit: (event) => { event.preventDefault(); this.end(bar, wrapUp); } },
      icon("clock", true), parts.words, parts.left, parts.outcome, parts.end, parts.open, parts.problem);
    bar.parts = parts;
    bar.endsAt = Date.parse(wrapUp.ends_at);
    return bar;
  }

  drawBar({ parts }, { conversation_id: id, mode }) {
    const conversation = state.conversations.get(id);
    if (!conversation && !asked.has(id)) {
      asked.add(id);
      announce("unknown", id);
    }
    setText(parts.words, t("console.wrap_up.of", { customer: conversation ? customerName(conversation) : t("console.visitor_unnamed") }));
    set(parts.outcome, { hidden: mode !== "required", required: mode === "required", "aria-label": t("console.resolve.disposition") });
    for (const option of parts.outcome.options) setText(option, option.value ? t(`console.disposition.${option.value}`) : t("console.resolve.disposition"));
    setText(parts.end, t("console.wrap_up.end"));
    set(parts.open, { hidden: id === state.selected || !conversation || conversation.removed });
    setText(parts.open, t("console.open"));
  }

  tick() {
    for (const bar of this.children) setText(bar.parts.left, span(Math.max(0, (bar.endsAt - state.live.now()) / 1000)));
  }

  async end({ parts }, wrapUp) {
    parts.end.disabled = true;
    setText(parts.problem, "");
    try {
      await call("POST", `/v1/work-items/${wrapUp.work_id}/wrap-up/end`, { outcome: parts.outcome.value }, { key: newId() });
      endWrapUp(wrapUp);
    } catch (problem) {
      parts.end.disabled = false;
      setText(parts.problem, explain(problem));
    }
    changed();
  }
}

customElements.define("sb-wrap-ups", WrapUps);
