// The head of the open conversation with its acts, and the panel about its customer.
import { call, explain } from "../shared/api.js";
import { el, icon, reconcile, set, setText } from "../shared/dom.js";
import { drawChip } from "../shared/rest.js";
import { fullMoment, languageName, moment, nameOf, t } from "../shared/i18n.js";
import { act, explainClocks, explainRouting } from "./acts.js";
import { menuOf } from "./commands.js";
import { customerName, pauseReason, slaChip } from "./list.js";
import { changed, changes, state, UNRESOLVED } from "./store.js";

const HOUR_MS = 3600000;
const MORNING_HOUR = 9;

export class ConversationHead extends HTMLElement {
  connectedCallback() {
    this.back = el("a", { class: "button quiet back", href: "#" }, icon("back"), el("span", { class: "unseen" }));
    this.name = el("h2", { class: "name" });
    this.about = el("p", { class: "soft about" });
    const button = (name, press, filled = "") => el("button", { class: `button ${filled}`, type: "button", onclick: press }, icon(name, true), el("span"));
    this.sla = slaChip("button", { type: "button", onclick: () => explainClocks(this.shown, this.sla, this.conversation().sla?.clock_id) });
    this.take = button("person", () => this.takeIt(), "spare");
    this.aside = button("pause", () => {}, "spare");
    this.asideMenu = menuOf(this.aside, () => t("console.act.aside"), () => this.waits());
    this.reopen = button("sync", () => (UNRESOLVED.has(this.conversation().status) ? this.perform("status", { status: "open" }) : this.perform("reopen")), "spare");
    this.why = button("question", () => explainRouting(this.shown, this.why), "quiet icon-only");
    this.transfer = button("transfer", () => this.openTransfer(), "spare");
    this.resolve = button("done", () => this.openResolve());
    this.panel = button("panel", () => this.dispatchEvent(new Event("panel", { bubbles: true })), "quiet icon-only panel-button");
    this.problem = el("p", { class: "error", role: "alert" });
    this.replaceChildren(el("div", { class: "head" }, this.back, el("div", { class: "title" }, el("div", { class: "name-line" }, this.name, this.sla), this.about),
      this.take, this.aside, this.asideMenu, this.reopen, this.transfer, this.resolve, this.why, this.panel), this.problem);
  }

  conversation() {
    return state.conversations.get(state.selected);
  }

  async perform(verb, body) {
    const { id } = this.conversation();
    setText(this.problem, "");
    try { await act(id, verb, body); } catch (problem) { if (id === state.selected) setText(this.problem, explain(problem)); }
  }

  /** What may be waited for: the customer, somebody else, or a time. */
  waits() {
    const tomorrow = new Date(state.live.now());
    tomorrow.setDate(tomorrow.getDate() + 1);
    tomorrow.setHours(MORNING_HOUR, 0, 0, 0);
    const snooze = (at) => this.perform("status", { status: "snoozed", snoozed_until: new Date(at).toISOString() });
    return [
      ["pause", t("console.aside.pending"), () => this.perform("status", { status: "pending" })],
      ["people", t("console.aside.on_hold"), () => this.perform("status", { status: "on_hold" })],
      null,
      ["clock", t("console.aside.hour"), () => snooze(state.live.now() + HOUR_MS)],
      ["clock", t("console.aside.tomorrow", { time: moment(tomorrow) }), () => snooze(tomorrow)],
    ].filter((item) => !item || item[0] === "clock" || state.conversations.get(this.shown)?.status === "open");
  }

  /** What nobody owns is picked; what a colleague owns a supervisor takes over. */
  async takeIt() {
    const { id, owner } = this.conversation();
    if (owner) await this.perform("assign", { agent_id: state.me.id, override: true });
    else await this.perform("pick");
    if (id === state.selected && this.conversation()?.owner?.id === state.me.id) location.hash = `mine/${id}`;
  }

  async openTransfer() {
    const conversation = this.conversation();
    if (!conversation || this.transfer.hidden || this.transfer.disabled) return;
    (await import("./dialogs.js")).confirmTransfer(conversation, this.transfer);
  }

  async openResolve() {
    const conversation = this.conversation();
    if (!conversation || this.resolve.hidden || this.resolve.disabled) return;
    (await import("./dialogs.js")).confirmResolve(conversation, this.resolve);
  }

  draw() {
    const conversation = this.conversation();
    if (!conversation) return;
    if (this.shown !== conversation.id) setText(this.problem, "");
    this.shown = conversation.id;
    set(this.back, { href: `#${state.view}` });
    setText(this.back.lastChild, t("console.back"));
    setText(this.name, customerName(conversation));
    setText(this.about, [t("console.number", { number: conversation.number }), conversation.queue && nameOf(conversation.queue), conversation.status === "snoozed" && conversation.snoozed_until ? t("console.snoozed_until", { time: moment(conversation.snoozed_until) }) : conversation.status !== "open" && t(`console.status.${conversation.status}`),
      conversation.owner ? (conversation.owner.id === state.me.id ? t("console.mine") : conversation.owner.name) : t("console.unassigned")].filter(Boolean).join(" · "));
    this.tick();
    this.drawActs(conversation);
  }

  tick() {
    const conversation = this.conversation();
    if (conversation) drawChip(this.sla, UNRESOLVED.has(conversation.status) ? conversation.sla : null, state.live.now(), pauseReason(conversation));
  }

  drawActs(conversation) {
    const open = UNRESOLVED.has(conversation.status);
    const mine = conversation.owner?.id === state.me.id;
    const off = state.live.state !== "live";
    const access = !conversation.removed;
    const show = (button, key, shown) => {
      set(button, { hidden: !shown || !access, disabled: off, title: off ? t("console.off.disconnected") : t(key) });
      setText(button.lastChild, t(key));
    };
    const leads = state.me.scopes.includes("routing:write");
    show(this.take, conversation.owner ? "console.act.take_over" : "console.act.take", open && !mine && state.me.scopes.includes("work") && (!conversation.owner || leads));
    show(this.aside, "console.act.aside", mine && open);
    show(this.reopen, open ? "console.act.open_again" : "console.act.reopen", conversation.status === "resolved" || (mine && open && conversation.status !== "open"));
    show(this.transfer, "console.act.transfer", open && (mine || leads));
    show(this.resolve, "console.act.resolve", open && (mine || leads));
    for (const [button, key] of [[this.why, "console.why"], [this.panel, "console.panel"]]) {
      setText(button.lastChild, t(key));
      set(button, { title: t(key) });
    }
  }
}

export class CustomerPanel extends HTMLElement {
  connectedCallback() {
    this.customers = new Map();
    this.heading = el("h2");
    this.close = el("button", { class: "button quiet panel-close", type: "button", onclick: () => this.dispatchEvent(new Event("panel", { bubbles: true })) }, icon("close"), el("span", { class: "unseen" }));
    this.facts = el("dl");
    this.clocksTitle = el("h3");
    this.clocks = el("ul", { class: "clocks" });
    this.clocksWhy = el("button", { class: "link", type: "button", onclick: () => explainClocks(state.selected, this.clocksWhy) });
    changes.addEventListener("clocks", ({ detail }) => detail === state.selected && this.drawClocks(true));
    this.duties = el("div", { class: "duties" });
    this.category = el("div");
    this.contactsTitle = el("h3");
    this.contacts = el("ul", { class: "contacts" });
    this.pastTitle = el("h3");
    this.past = el("ul", { class: "past" });
    this.problem = el("p", { class: "error" });
    this.replaceChildren(el("div", { class: "panel-head" }, this.heading, this.close), this.problem, this.facts, this.category, this.clocksTitle, this.clocks, this.clocksWhy, this.duties, this.contactsTitle, this.contacts, this.pastTitle, this.past);
  }

  async fetch(id) {
    this.customers.set(id, { loading: true });
    try {
      const customer = await call("GET", `/v1/customers/${id}`);
      const past = await call("GET", `/v1/customers/${id}/conversations?limit=20`).catch(() => ({ items: [] }));
      this.customers.set(id, { customer, past: past.items ?? past });
    } catch (problem) {
      this.customers.set(id, { problem });
    }
    changed();
  }

  draw() {
    const conversation = state.conversations.get(state.selected);
    if (!conversation || !this.offsetParent) return;
    const id = conversation.customer?.id;
    if (id && !this.customers.has(id)) this.fetch(id);
    const { customer, past, problem } = this.customers.get(id) ?? {};
    setText(this.heading, customerName(conversation));
    setText(this.close.lastChild, t("common.close"));
    setText(this.problem, problem ? explain(problem) : "");
    const facts = [
      ["language", languageName(customer?.language ?? conversation.customer?.language ?? conversation.language)],
      ["segments", (customer?.segments ?? conversation.customer?.segments ?? []).join(", ")],
      ["channel", t(`console.channel.${conversation.channel}`)],
      ["queue", conversation.queue && nameOf(conversation.queue)],
      ["opened", moment(conversation.opened_at)],
      ["disposition", conversation.disposition && t(`console.disposition.${conversation.disposition}`)],
    ].filter(([, value]) => value);
    reconcile(this.facts, facts, ([name]) => name, () => el("div", {}, el("dt"), el("dd")), (row, [name, value]) => {
      setText(row.firstChild, t(`console.fact.${name}`));
      setText(row.lastChild, value);
    });
    this.drawClocks();
    // A visitor's contact point is an id of ours: nothing an agent could use.
    this.drawContacts((customer?.contact_points ?? []).filter((point) => point.kind !== "visitor"));
    this.drawPast(past ?? [], conversation);
  }

  /** The code, and that of duties and category, comes with the first conversation that is shown. */
  async drawClocks(stale = false) {
    if (!this.offsetParent) return;
    const [clocks, duties, category] = await Promise.all([import("./clocks.js"), import("./duties.js"), import("./category.js")]).catch(() => []);
    const conversation = state.conversations.get(state.selected);
    if (!clocks || !conversation) return;
    clocks.showClocks(this, conversation, stale);
    duties.showDuties(this.duties, conversation);
    category.showCategory(this.category, conversation);
  }

  tick() {
    if (this.offsetParent && this.clocks.children.length) this.drawClocks();
  }

  drawContacts(points) {
    this.contactsTitle.hidden = !points.length;
    setText(this.contactsTitle, t("console.contacts"));
    reconcile(this.contacts, points, (point) => point.id ?? point.value, () => el("li", {}, icon("person", true), el("span"), el("span", { class: "soft" })), (row, point) => {
      const verified = Boolean(point.verified ?? point.verified_at);
      row.replaceChild(icon(verified ? "verified" : "question", true), row.firstChild);
      setText(row.children[1], point.value);
      setText(row.lastChild, t(verified ? "console.contact.verified" : "console.contact.claimed"));
    });
  }

  drawPast(past, conversation) {
    const others = past.filter((one) => one.id !== conversation.id);
    this.pastTitle.hidden = !others.length;
    setText(this.pastTitle, t("console.past"));
    reconcile(this.past, others, (one) => one.id, () => el("li", {}, el("a"), el("span", { class: "soft" })), (row, one) => {
      set(row.firstChild, { href: `#all/${one.id}` });
      setText(row.firstChild, t("console.number", { number: one.number }));
      row.firstChild.title = fullMoment(one.last_message_at ?? one.opened_at);
      setText(row.lastChild, `${moment(one.last_message_at ?? one.opened_at)} · ${t(`console.status.${one.status}`)}`);
    });
  }
}

customElements.define("sb-conversation-head", ConversationHead);
customElements.define("sb-customer-panel", CustomerPanel);
