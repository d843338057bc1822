// The list of conversations: rows repaint where they stand; the order changes only when nobody is about to click.
import { el, icon, reconcile, set, setIcon, setText } from "../shared/dom.js";
import { languageName, nameOf, number, span, t } from "../shared/i18n.js";
import { explain } from "../shared/api.js";
import { drawChip, restOf } from "../shared/rest.js";
import { draftOf } from "./drafts.js";
import { inView, sortedIds, state, unreadOf, UNRESOLVED, views } from "./store.js";
import { loadView } from "./acts.js";

const SETTLE_MS = 2000;
const ROWS_MOST = 500;
const COUNT_MOST = 1000;
const WATCH_SECONDS = 120, LATE_SECONDS = 300;
const SORTS = ["longest", "due", "newest", "opened"];
const SPOKE = { agent_public: "you", agent_internal: "note", bot: "bot" };

/** The server stops counting at a thousand. */
function figure(count) {
  return count >= COUNT_MOST ? `${number(COUNT_MOST - 1)}+` : number(count);
}

export function customerName(conversation) {
  return conversation.customer?.name || t("console.visitor", { number: conversation.number });
}

/** Why a clock stands still: what the conversation waits for. */
export function pauseReason({ status }) {
  return t(["pending", "on_hold", "snoozed"].includes(status) ? `console.status.${status}` : "common.sla_state.paused");
}

export function slaChip(tag = "span", properties = {}) {
  return el(tag, { ...properties, hidden: true }, icon("clock", true), el("span", { class: "figure" }));
}

export class ConversationList extends HTMLElement {
  connectedCallback() {
    this.order = [];
    this.listId = "";
    this.pointerAt = -Infinity;
    this.heading = el("h2");
    this.count = el("span", { class: "figure soft" });
    this.sort = el("select", { class: "plain", onchange: () => {
      state.sort = this.sort.value;
      this.order = sortedIds();
      this.draw();
    } }, ...SORTS.map((name) => el("option", { value: name })));
    this.reorder = el("button", { class: "reorder", type: "button", hidden: true, onclick: () => this.applyOrder() });
    this.rows = el("div", { class: "rows", role: "grid", id: "list", tabIndex: -1 });
    this.empty = el("p", { class: "empty", hidden: true });
    this.replaceChildren(el("div", { class: "list-head" }, this.heading, this.count, this.sort), this.reorder, this.rows, this.empty);
    this.rows.addEventListener("pointermove", () => { this.pointerAt = performance.now(); });
    this.rows.addEventListener("keydown", (event) => this.moveFocus(event));
    // The wait is over without any news: the order may follow now.
    this.timer = setInterval(() => this.pendingOrder && this.draw(), 1000);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  held() {
    const hovering = performance.now() - this.pointerAt < SETTLE_MS || this.rows.matches(":hover");
    return hovering || this.rows.contains(document.activeElement);
  }

  applyOrder() {
    this.order = sortedIds();
    for (const id of [...state.gone.keys()]) if (id !== state.selected) state.gone.delete(id);
    this.draw();
  }

  draw() {
    const view = `${state.view}:${state.sort}`;
    const wanted = sortedIds();
    if (view !== this.listId || !this.held()) {
      this.keepOpen(wanted, view === this.listId);
      this.listId = view;
    }
    const present = new Set(this.order);
    const unseen = wanted.filter((id) => !present.has(id));
    const misplaced = wanted.filter((id, index) => this.order.filter((one) => wanted.includes(one))[index] !== id).length;
    this.pendingOrder = unseen.length || misplaced;
    set(this.reorder, { hidden: !this.pendingOrder });
    setText(this.reorder, t("console.list.order_changed", { count: Math.max(unseen.length, misplaced) }));
    this.drawHead(wanted.length);
    const shown = this.order.map((id) => state.conversations.get(id)).filter(Boolean).slice(0, ROWS_MOST);
    reconcile(this.rows, shown, (conversation) => conversation.id, (conversation) => this.makeRow(conversation), (row, conversation) => this.drawRow(row, conversation));
    this.drawEmpty(shown.length);
    this.tabStop();
  }

  /** The wanted order; in the same view the open conversation keeps its place even after it left. */
  keepOpen(wanted, sameView) {
    const place = this.order.indexOf(state.selected);
    const stays = sameView && place >= 0 && !wanted.includes(state.selected) && state.conversations.has(state.selected);
    this.order = [...wanted];
    if (stays) this.order.splice(Math.min(place, this.order.length), 0, state.selected);
  }

  drawHead(count) {
    setText(this.heading, t(`console.view.${state.view}`));
    setText(this.count, figure(state.counts?.[state.view] ?? count));
    [...this.sort.options].forEach((option) => setText(option, t(`console.sort.${option.value}`)));
    this.sort.value = state.sort;
    this.sort.setAttribute("aria-label", t("console.sort"));
    this.rows.setAttribute("aria-label", t(`console.view.${state.view}`));
  }

  drawEmpty(rows) {
    const loaded = state.lists.get(state.view);
    const failed = loaded && typeof loaded === "object";
    this.empty.hidden = rows > 0 || loaded === "loading";
    if (this.empty.hidden) return;
    this.empty.replaceChildren(failed ? explain(loaded) : t(`console.empty.${state.view}`));
    if (failed) this.empty.append(el("button", { class: "button", text: t("common.try_again"), onclick: () => { state.lists.delete(state.view); loadView(state.view); } }));
  }

  makeRow(conversation) {
    const parts = {
      initial: el("span", { class: "avatar", "aria-hidden": "true" }),
      name: el("b", { class: "name" }),
      rest: el("time", { class: "rest" }),
      sla: slaChip(),
      who: el("span", { class: "who" }),
      preview: el("span", { class: "preview" }),
      unread: el("span", { class: "unread" }),
      channel: icon(conversation.channel, true),
      meta: el("span", { class: "meta-text" }),
      priority: el("b", { class: "priority" }),
    };
    const link = el("a", { class: "row-link", href: `#${state.view}/${conversation.id}` },
      parts.initial,
      el("span", { class: "line" }, parts.name, parts.rest, parts.sla),
      el("span", { class: "line" }, parts.who, parts.preview, parts.unread),
      el("span", { class: "line meta" }, parts.channel, parts.meta, parts.priority));
    const row = el("div", { class: "row", role: "row" }, el("div", { role: "gridcell" }, link));
    row.parts = { ...parts, link };
    return row;
  }

  drawRow(row, conversation) {
    const { initial, name, who, preview, unread, channel, meta, priority, link } = row.parts;
    const gone = !inView(conversation) && (state.gone.get(conversation.id) ?? (UNRESOLVED.has(conversation.status) ? "left" : "resolved"));
    const draft = draftOf(conversation.id, "reply") || draftOf(conversation.id, "note");
    const title = customerName(conversation);
    setText(initial, [...title][0] ?? "?");
    setText(name, title);
    const spoke = conversation.preview_class === "agent_public" && conversation.owner?.id !== state.me.id ? "team" : SPOKE[conversation.preview_class];
    who.className = draft ? "who draft" : `who ${spoke ?? ""}`;
    setText(who, draft ? t("console.spoke.draft") : spoke ? t(`console.spoke.${spoke}`) : "");
    setText(preview, gone ? t(`console.gone.${gone}`) : draft || conversation.preview || "");
    const count = conversation.id === state.selected && document.hasFocus() ? 0 : unreadOf(conversation);
    set(unread, { hidden: !count });
    setText(unread, count ? number(count) : "");
    setIcon(channel, conversation.channel);
    const paused = conversation.sla && restOf(conversation.sla, state.live.now()).look === "paused";
    setText(meta, [conversation.queue && nameOf(conversation.queue), conversation.language && languageName(conversation.language),
      !paused && !["open"].includes(conversation.status) && t(`console.status.${conversation.status}`)].filter(Boolean).join(" · "));
    const urgent = conversation.priority <= 0 ? "" : conversation.priority >= 8 ? "urgent" : conversation.priority >= 6 ? "high" : "";
    setText(priority, urgent && t(`console.priority.${urgent}`));
    row.classList.toggle("gone", Boolean(gone));
    row.classList.toggle("selected", conversation.id === state.selected);
    link.setAttribute("aria-current", conversation.id === state.selected ? "true" : "false");
    const href = `#${state.view}/${conversation.id}`;
    if (link.getAttribute("href") !== href) link.setAttribute("href", href);
    this.drawTimes(row, conversation);
  }

  /** The wait is judged by the promise; where none was made, by itself. */
  drawTimes(row, conversation) {
    const { rest, sla } = row.parts;
    const now = state.live.now();
    const waited = conversation.unanswered_since ? (now - Date.parse(conversation.unanswered_since)) / 1000 : null;
    setText(rest, waited === null ? "" : span(waited));
    rest.className = waited === null || conversation.sla ? "rest" : waited > LATE_SECONDS ? "rest bad" : waited > WATCH_SECONDS ? "rest warn" : "rest";
    rest.title = waited === null ? "" : t("console.list.waiting_tip");
    drawChip(sla, UNRESOLVED.has(conversation.status) ? conversation.sla : null, now, pauseReason(conversation));
  }

  tick() {
    for (const row of this.rows.children) {
      const conversation = state.conversations.get(row.dataset.key);
      if (conversation) this.drawTimes(row, conversation);
    }
  }

  tabStop() {
    const links = [...this.rows.querySelectorAll("a")];
    const current = links.find((link) => link === document.activeElement) ?? links.find((link) => link.getAttribute("aria-current") === "true") ?? links[0];
    for (const link of links) link.tabIndex = link === current ? 0 : -1;
  }

  moveFocus(event) {
    const links = [...this.rows.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1, PageDown: at + 8, PageUp: at - 8 }[event.key];
    if (event.key === "ArrowRight") { document.querySelector("#messages")?.focus(); event.preventDefault(); }
    if (to === undefined || !links.length) return;
    event.preventDefault();
    links[Math.max(0, Math.min(links.length - 1, to))].focus();
    this.tabStop();
  }

  /** The id `step` rows after the open one. */
  neighbour(step) {
    const at = this.order.indexOf(state.selected);
    return this.order[at < 0 ? 0 : at + step];
  }

  nextUnread() {
    return this.order.find((id) => id !== state.selected && unreadOf(state.conversations.get(id) ?? {}));
  }
}

export class ViewRail extends HTMLElement {
  connectedCallback() {
    this.links = views().map((view) => {
      const badge = el("span", { class: "badge figure" });
      const label = el("span", { class: "rail-label" });
      const link = el("a", { href: `#${view}` }, icon({ mine: "inbox", queue: "queue", team: "people", all: "stack", resolved: "done" }[view]), label, badge);
      Object.assign(link, { view, badge, label });
      return link;
    });
    this.replaceChildren(el("nav", {}, ...this.links));
  }

  draw() {
    this.firstElementChild.setAttribute("aria-label", t("console.views"));
    for (const link of this.links) {
      setText(link.label, t(`console.view.${link.view}`));
      const local = [...state.conversations.values()].filter((one) => inView(one, link.view)).length;
      const count = link.view === "resolved" ? 0 : state.counts?.[link.view] ?? local;
      setText(link.badge, count && (link.view === "mine" || link.view === "queue") ? figure(count) : "");
      link.setAttribute("aria-current", link.view === state.view ? "page" : "false");
      link.title = t(`console.view.${link.view}`);
    }
  }
}

customElements.define("sb-conversation-list", ConversationList);
customElements.define("sb-view-rail", ViewRail);
