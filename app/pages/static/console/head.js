// The head of the open conversation with its acts, and the panel about its customer.
import { call, explain } from "../shared/api.js";
import { el, icon, reconcile, set, setText } from "../shared/dom.js";
import { fullMoment, languageName, moment, nameOf, t } from "../shared/i18n.js";
import { act } from "./acts.js";
import { confirmResolve, confirmTransfer } from "./dialogs.js";
import { customerName } from "./list.js";
import { changed, state, UNRESOLVED } from "./store.js";

export class ConversationHead extends HTMLElement {
  connectedCallback() {
    this.back = el("a", { class: "button quiet back", href: "#" }, icon("back"), el("span", { class: "unseen" }));
    this.name = el("h2", { class: "name" });
    this.about = el("p", { class: "soft about" });
    const button = (name, press, filled = "") => el("button", { class: `button ${filled}`, type: "button", onclick: press }, icon(name, true), el("span"));
    this.take = button("person", () => this.perform("pick"));
    this.wait = button("pause", () => this.perform("status", { status: "pending" }));
    this.reopen = button("sync", () => this.perform("reopen"));
    this.transfer = button("transfer", () => this.openTransfer());
    this.resolve = button("done", () => this.openResolve());
    this.panel = button("panel", () => this.dispatchEvent(new Event("panel", { bubbles: true })), "quiet panel-button");
    this.problem = el("p", { class: "error", role: "alert" });
    this.replaceChildren(el("div", { class: "head" }, this.back, el("div", { class: "title" }, this.name, this.about),
      this.take, this.wait, this.reopen, this.transfer, this.resolve, this.panel), this.problem);
  }

  conversation() {
    return state.conversations.get(state.selected);
  }

  async perform(verb, body) {
    const { id } = this.conversation();
    setText(this.problem, "");
    try { await act(id, verb, body); } catch (problem) { if (id === state.selected) setText(this.problem, explain(problem)); }
  }

  openTransfer() {
    const conversation = this.conversation();
    if (conversation && !this.transfer.hidden) confirmTransfer(conversation, this.transfer);
  }

  openResolve() {
    const conversation = this.conversation();
    if (conversation && !this.resolve.hidden) confirmResolve(conversation, this.resolve);
  }

  draw() {
    const conversation = this.conversation();
    if (!conversation) return;
    if (this.shown !== conversation.id) setText(this.problem, "");
    this.shown = conversation.id;
    set(this.back, { href: `#${state.view}` });
    setText(this.back.lastChild, t("console.back"));
    setText(this.name, customerName(conversation));
    setText(this.about, [t("console.number", { number: conversation.number }), conversation.queue && nameOf(conversation.queue), t(`console.status.${conversation.status}`),
      conversation.owner ? (conversation.owner.id === state.me.id ? t("console.mine") : conversation.owner.name) : t("console.unassigned")].filter(Boolean).join(" · "));
    this.drawActs(conversation);
  }

  drawActs(conversation) {
    const open = UNRESOLVED.has(conversation.status);
    const mine = conversation.owner?.id === state.me.id;
    const off = state.live.state !== "live";
    const access = state.gone.get(conversation.id) !== "no_access";
    const show = (button, key, shown) => {
      set(button, { hidden: !shown || !access, disabled: off, title: off ? t("console.off.disconnected") : t(key) });
      setText(button.lastChild, t(key));
    };
    show(this.take, "console.act.take", open && !mine && !conversation.owner);
    show(this.wait, "console.act.wait", mine && conversation.status === "open");
    show(this.reopen, "console.act.reopen", conversation.status === "resolved");
    show(this.transfer, "console.act.transfer", open && (mine || state.me.role !== "agent"));
    show(this.resolve, "console.act.resolve", open && (mine || state.me.role !== "agent"));
    setText(this.panel.lastChild, t("console.panel"));
    set(this.panel, { title: t("console.panel") });
  }
}

export class CustomerPanel extends HTMLElement {
  connectedCallback() {
    this.customers = new Map();
    this.heading = el("h2");
    this.close = el("button", { class: "button quiet panel-close", type: "button", onclick: () => this.dispatchEvent(new Event("panel", { bubbles: true })) }, icon("close"), el("span", { class: "unseen" }));
    this.facts = el("dl");
    this.contactsTitle = el("h3");
    this.contacts = el("ul", { class: "contacts" });
    this.pastTitle = el("h3");
    this.past = el("ul", { class: "past" });
    this.problem = el("p", { class: "error" });
    this.replaceChildren(el("div", { class: "panel-head" }, this.heading, this.close), this.problem, this.facts, this.contactsTitle, this.contacts, this.pastTitle, this.past);
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
    this.drawContacts(customer?.contact_points ?? []);
    this.drawPast(past ?? [], conversation);
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
