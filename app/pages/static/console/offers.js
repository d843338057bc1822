// The dock of offers: server deadlines, accept and decline; it never takes the focus and never covers the composer.
import { explain } from "../shared/api.js";
import { el, icon, reconcile, set, setText } from "../shared/dom.js";
import { languageName, nameOf, span, t, has } from "../shared/i18n.js";
import { acceptOffer, declineOffer, explainRouting } from "./acts.js";
import { menuOf } from "./commands.js";
import { announce, changes, state } from "./store.js";
import { ringOffers } from "./sound.js";

const SHOWN = 3;
const LEAVE_MS = 3000;
const LATE_SECONDS = 10;
const REASONS = ["busy", "wrong_skill", "conflict", "other"];

function reasonWhy(offer) {
  return has(`console.why.${offer.why}`) ? t(`console.why.${offer.why}`) : "";
}

export class OfferDock extends HTMLElement {
  connectedCallback() {
    this.cards = el("div", { class: "cards" });
    this.spoken = el("p", { class: "unseen", "aria-live": "assertive" });
    this.replaceChildren(this.spoken, this.cards);
    this.listeners = new AbortController();
    changes.addEventListener("offer", ({ detail }) => this.say("console.offer.arrived", detail), { signal: this.listeners.signal });
  }

  disconnectedCallback() {
    this.listeners.abort();
    ringOffers(false);
  }

  say(key, offer) {
    setText(this.spoken, t(key, { customer: offer.customer?.name || t("console.visitor_unnamed"), queue: nameOf(offer.queue), seconds: Math.round(this.left(offer)) }));
  }

  left(offer) {
    return (Date.parse(offer.deadline_at) - state.live.now()) / 1000;
  }

  open() {
    return [...state.offers.values()].filter((offer) => !offer.ended).sort((a, b) => (a.deadline_at < b.deadline_at ? -1 : 1));
  }

  draw() {
    for (const offer of state.offers.values()) {
      if (offer.ended && !offer.leaving) {
        offer.leaving = setTimeout(() => { state.offers.delete(offer.id); this.draw(); }, offer.ended === "accepted" || offer.ended === "declined" ? 0 : LEAVE_MS);
      }
    }
    const shown = [...state.offers.values()].filter((offer) => offer.ended !== "accepted" && offer.ended !== "declined").sort((a, b) => (a.deadline_at < b.deadline_at ? -1 : 1)).slice(0, SHOWN);
    reconcile(this.cards, shown, (offer) => offer.id, (offer) => this.make(offer), (card, offer) => this.drawCard(card, offer));
    this.hidden = !shown.length;
    ringOffers(this.open().some((offer) => this.left(offer) > 0));
  }

  make(offer) {
    const parts = {
      head: el("span", { class: "offer-queue" }),
      customer: el("b"),
      words: el("p", { class: "words" }),
      handover: el("p", { class: "handover" }),
      meta: el("p", { class: "soft" }),
      why: el("p", { class: "soft" }),
      bar: el("div", { class: "fill" }),
      seconds: el("span", { class: "figure" }),
      accept: el("button", { class: "button filled", type: "button", title: "Alt+Y", onclick: () => this.accept(offer) }),
      decline: el("button", { class: "button decline", type: "button" }),
      explain: el("button", { class: "link", type: "button", onclick: () => explainRouting(offer.conversation_id, parts.explain) }),
      outcome: el("p", { class: "outcome", role: "status" }),
    };
    const reasons = () => REASONS.map((reason) => ["close", t(`console.decline.${reason}`), () => declineOffer(offer, reason)]);
    parts.actions = el("div", { class: "actions" }, parts.accept, parts.decline, menuOf(parts.decline, () => t("console.offer.decline"), reasons));
    const card = el("article", { class: "offer" },
      el("div", { class: "line" }, icon(offer.channel, true), parts.head, parts.seconds),
      el("div", { class: "bar", "aria-hidden": "true" }, parts.bar),
      parts.customer, parts.meta, parts.words, parts.handover, el("div", { class: "line" }, parts.why, parts.explain), parts.actions, parts.outcome);
    card.parts = parts;
    card.offer = offer;
    return card;
  }

  drawCard(card, offer) {
    const { head, customer, words, meta, why, explain: more, accept, decline, outcome, actions } = card.parts;
    card.setAttribute("aria-label", t("console.offer.label"));
    const { from_agent: colleague, note } = offer;
    setText(head, colleague ? t("console.offer.asked", { name: colleague.name }) : t("console.offer.from", { queue: nameOf(offer.queue) }));
    setText(card.parts.handover, note ?? "");
    card.parts.handover.hidden = !note;
    setText(customer, offer.customer?.name || t("console.visitor_unnamed"));
    // A note that was just written is the newest of its words too.
    setText(words, note ? "" : offer.first_words ?? "");
    const segments = (offer.customer?.segments ?? []).join(", ");
    setText(meta, [segments, offer.language && languageName(offer.language)].filter(Boolean).join(" · "));
    card.waited = meta.textContent;
    setText(why, reasonWhy(offer));
    setText(accept, t("console.offer.accept"));
    setText(decline, t("console.offer.decline"));
    setText(more, t("console.why"));
    const live = state.live.state === "live";
    set(accept, { disabled: Boolean(offer.busy) || !live || this.left(offer) <= 0, title: live ? "Alt+Y" : t("console.off.disconnected") });
    set(decline, { disabled: Boolean(offer.busy) || !live });
    actions.hidden = Boolean(offer.ended);
    setText(outcome, offer.problem ? explain(offer.problem) : offer.ended ? t(`console.offer.${offer.ended}`) : this.left(offer) <= 0 ? t("console.offer.passing") : "");
    this.tickCard(card);
  }

  tickCard(card) {
    const { offer } = card;
    const { bar, seconds, meta } = card.parts;
    const left = Math.max(0, this.left(offer));
    const whole = (Date.parse(offer.deadline_at) - Date.parse(offer.made_at)) / 1000 || 1;
    bar.style.transform = `scaleX(${Math.min(1, left / whole)})`;
    card.classList.toggle("late", left <= LATE_SECONDS);
    setText(seconds, t("console.offer.seconds", { seconds: Math.ceil(left) }));
    const waited = t("console.offer.waited", { span: span((state.live.now() - Date.parse(offer.waited_since)) / 1000) });
    setText(meta, [card.waited, waited].filter(Boolean).join(" · "));
    if (left <= LATE_SECONDS && !offer.warned) {
      offer.warned = true;
      this.say("console.offer.late", offer);
    }
    if (left <= 0 && !offer.passing) {
      offer.passing = true;
      this.draw();
    }
  }

  tick() {
    for (const card of this.cards.children) this.tickCard(card);
  }

  async accept(offer) {
    if (offer.busy || offer.ended) return;
    if (await acceptOffer(offer)) announce("accepted", offer);
  }

  acceptFirst() {
    const [first] = this.open();
    if (first) this.accept(first);
  }

  declineFirst() {
    this.cards.querySelector(".decline")?.click();
  }
}

customElements.define("sb-offer-dock", OfferDock);
