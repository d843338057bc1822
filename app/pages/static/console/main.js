// Starts the console: log in, connect, and keep address, title and components in step with the store.
import { call, explain } from "../shared/api.js";
import { el, icon, setText } from "../shared/dom.js";
import { chosenLanguage, load, t } from "../shared/i18n.js";
import { signIn, wasSignedIn } from "../shared/sign-in.js";
import { Live, startWorker } from "../shared/socket.js";
import { clearPenalty, loadConversation, loadView, refreshCounts, resendOutbox } from "./acts.js";
import { applyTheme } from "./bar.js";
import { listenForKeys } from "./commands.js";
import { openDrafts, saveDraft } from "./drafts.js";
import "./head.js";
import { customerName } from "./list.js";
import "./offers.js";
import { chimeMessage, startSound } from "./sound.js";
import { changed, changes, loadOutbox, myUnread, person, state, takeBatch, takeSignal, takeSnapshot, views } from "./store.js";
import "./thread.js";

const base = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const COMPOSERS_MOST = 20;
const GAP_TOLD_MS = 30000;
const MISSED_MOST = 5;
const REFUSED_WAIT_MS = 5000;
const TOAST_MS = 6000;
const WIDE = matchMedia("(min-width: 1280px)");
const root = document.querySelector("#root");
const composers = new Map();
let view = {}, MessageComposer = null, composing = null;

async function start() {
  document.body.dataset.assets = base;
  applyTheme();
  await useLanguage();
  await identify();
  await useLanguage(state.me.languages[0]);
  await openDrafts(state.me.id);
  loadOutbox();
  build();
  connect();
}

async function useLanguage(profile) {
  const language = chosenLanguage(profile);
  await load(base, "console", language);
  document.documentElement.lang = language;
}

async function identify(note = "") {
  if (!wasSignedIn()) await signIn(root, base, "console");
  for (;;) {
    try {
      state.me = person(await call("GET", "/v1/me"));
      return;
    } catch (problem) {
      if (problem.status !== 401) note = explain(problem);
      await signIn(root, base, "console", note);
      note = "";
    }
  }
}

function connect() {
  state.live ??= makeLive();
  state.live.open();
}

function makeLive() {
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/socket`;
  return new Live({ url, worker: startWorker(`${base}/shared/ping-worker.js`) });
}

function listen(live) {
  let downSince = null;
  live.addEventListener("state", () => {
    if (live.state === "live") {
      if (downSince && Date.now() - downSince > GAP_TOLD_MS) tellMissed();
      state.missed = [];
      downSince = null;
    } else downSince ??= Date.now();
    if (live.state === "ended") sessionEnded();
    changed();
  });
  let resent = false;
  live.addEventListener("snapshot", ({ detail }) => {
    takeSnapshot(detail);
    loadView(state.view);
    if (state.selected && !detail.conversations.some(({ id }) => id === state.selected)) loadConversation(state.selected);
    refreshCounts({ presence: resent });
    if (!resent) resendOutbox();
    resent = true;
  });
  live.addEventListener("batch", ({ detail }) => {
    takeBatch(detail);
    if (live.state !== "live") state.missed = detail;
    refreshCounts();
    if (detail.some(isNews)) chimeMessage();
    const told = live.state === "live" ? detail.filter(({ event }) => event?.startsWith("sla.")) : [];
    if (told.length) import("./notices.js").then(({ tellClocks }) => tellClocks(told, view.notices), () => {});
  });
  live.addEventListener("signal", ({ detail }) => takeSignal(detail));
}

/** Once the page can be worked with: what it needs next, and what was asked of its person meanwhile. */
async function settle() {
  loadComposer();
  // On a line that is cut meanwhile, the chips tell it.
  const notices = await import("./notices.js").catch(() => null);
  if (notices && state.me.scopes.includes("work")) notices.showOpenEscalations(view.notices).catch((problem) => toast(explain(problem)));
}

function isNews(frame) {
  if (frame.event !== "message.received") return false;
  const watched = frame.data.conversation_id === state.selected && document.hasFocus();
  return !watched && state.conversations.get(frame.data.conversation_id)?.owner?.id === state.me.id;
}

/** After a long break: what came meanwhile, with a way to each conversation. */
function tellMissed() {
  const messages = state.missed.filter(({ event, data }) => (event === "message.received" || event === "message.posted") && data.message?.author?.id !== state.me.id);
  const moved = state.missed.filter(({ event }) => event === "conversation.rights_changed");
  const ids = [...new Set([...messages, ...moved].map(({ data }) => data.conversation_id))].filter((id) => state.conversations.has(id));
  const text = t("console.back_live", { messages: t("console.back_messages", { count: messages.length }), transfers: t("console.back_transfers", { count: moved.length }) });
  const links = ids.slice(0, MISSED_MOST).map((id) => el("a", { class: "button quiet", href: `#all/${id}`, text: customerName(state.conversations.get(id)) }));
  view.away.replaceChildren(el("span", { text }), ...links, el("button", { class: "button", type: "button", text: t("common.close"), onclick: () => { view.away.hidden = true; } }));
  view.away.hidden = false;
}

/** Everything typed stays where it is, under a log-in of its own. */
async function sessionEnded() {
  const cover = el("div", { class: "cover" });
  root.inert = true;
  document.body.append(cover);
  try {
    await call("GET", "/v1/me");
    // Logged in, and yet refused: asking again at once would be asked again for ever.
    await new Promise((done) => setTimeout(done, REFUSED_WAIT_MS));
  } catch (problem) {
    if (problem.status === 401) await signIn(cover, base, "console", t("common.session_ended"));
  }
  cover.remove();
  root.inert = false;
  const before = state.me.id;
  state.me = person(await call("GET", "/v1/me"));
  if (state.me.id !== before) return location.reload();
  connect();
}

function build() {
  const tag = (name, properties = {}) => el(`sb-${name}`, properties);
  const skip = (target, key) => el("a", { class: "unseen skip", href: `#${target}`, data: { t: key }, onclick: (event) => { event.preventDefault(); document.getElementById(target)?.focus(); } });
  state.live = makeLive();
  view = {
    bar: tag("console-bar"), rail: tag("view-rail"), list: tag("conversation-list"), dock: tag("offer-dock"),
    head: tag("conversation-head"), thread: tag("message-thread"), panel: tag("customer-panel", { class: "panel" }),
    composer: el("div", { class: "composer-place" }), blank: el("div", { class: "blank" }, icon("inbox"), el("p")),
    missed: el("div", { class: "banner", role: "status", hidden: true }), away: el("div", { class: "banner away", role: "status", hidden: true }), notices: el("div", { role: "alert" }), toasts: el("div", { class: "toasts", role: "status" }),
    wrapUps: [tag("wrap-ups", { data: { of: "others" } }), tag("wrap-ups", { data: { of: "open" } })],
    heading: el("h1", { class: "unseen", text: "Switchboard" }),
  };
  view.open = el("div", { class: "open" }, view.head, view.wrapUps[1], view.thread, view.composer);
  view.layout = el("div", { class: "layout" }, view.rail,
    el("section", { class: "list-column" }, view.list, view.dock),
    el("main", {}, view.heading, view.blank, view.open), el("aside", {}, view.panel));
  root.replaceChildren(skip("list", "console.skip.list"), skip("messages", "console.skip.messages"), el("header", {}, view.bar), el("div", { class: "banners" }, view.missed, view.away, view.notices, view.wrapUps[0]), view.layout, view.toasts);
  wire();
  listen(state.live);
  draw();
}

function wire() {
  const wake = startSound(() => view.bar.draw());
  view.bar.sound.addEventListener("click", wake);
  root.addEventListener("panel", () => togglePanel());
  addEventListener("hashchange", readAddress);
  changes.addEventListener("counted", settle, { once: true });
  changes.addEventListener("change", draw);
  changes.addEventListener("language", () => { draw(); for (const composer of composers.values()) composer.draw(); });
  changes.addEventListener("unknown", ({ detail }) => loadConversation(detail));
  changes.addEventListener("stale", ({ detail }) => loadConversation(detail));
  changes.addEventListener("accepted", ({ detail }) => opened(detail));
  changes.addEventListener("assigned", async ({ detail }) => (await import("./notices.js")).tellAssigned(detail, toast));
  changes.addEventListener("answered", ({ detail }) => toast(t(`console.transfer.${detail.state}`, { customer: nameOfCustomer(detail.conversation_id) })));
  changes.addEventListener("toast", ({ detail }) => toast(detail));
  changes.addEventListener("see", () => { view.thread.toEnd(); view.thread.scroll.focus(); });
  changes.addEventListener("sent", () => { view.thread.atEnd = true; });
  changes.addEventListener("unsent", ({ detail: { entry, problem } }) => putBack(entry, problem));
  setInterval(() => { for (const part of [view.list, view.dock, view.bar, view.head, view.panel]) part.tick(); if (state.selected) view.thread.drawTyping(state.selected); }, 1000);
  addEventListener("focus", changed);
  listenForKeys(commands());
  applyPanel();
  readAddress();
}

function commands() {
  const go = (id) => id && (location.hash = `${state.view}/${id}`);
  const mode = (name) => composers.get(state.selected)?.switchTo(name);
  return {
    accept: () => view.dock.acceptFirst(),
    decline: () => view.dock.declineFirst(),
    next: () => go(view.list.neighbour(1)),
    previous: () => go(view.list.neighbour(-1)),
    unread: () => go(view.list.nextUnread()),
    reply: () => mode("reply"),
    note: () => mode("note"),
    panel: () => togglePanel(),
    transfer: () => view.head.openTransfer(),
    resolve: () => view.head.openResolve(),
    presence: () => view.bar.presence.click(),
    keys: async () => (await import("./dialogs.js")).showKeys(),
  };
}

function nameOfCustomer(id) {
  const conversation = state.conversations.get(id);
  return conversation ? customerName(conversation) : t("console.visitor_unnamed");
}

function putBack(entry, problem) {
  const composer = composers.get(entry.conversation_id);
  if (composer) composer.putBack(entry.mode, entry.body, problem, entry.attachments);
  else saveDraft(entry.conversation_id, entry.mode, entry.body);
}

function opened(offer) {
  const composer = composers.get(state.selected);
  if (composer?.busy()) toast(t("console.offer.accepted_toast", { customer: offer.customer?.name || t("console.visitor_unnamed") }), t("console.open"), () => { location.hash = `mine/${offer.conversation_id}`; });
  else location.hash = `mine/${offer.conversation_id}`;
}

/** The address names view and conversation, so that back, reload and a shared link work. */
function readAddress() {
  const [wanted, id] = location.hash.slice(1).split("/");
  const before = state.view;
  state.view = views().includes(wanted) ? wanted : "mine";
  state.selected = id || null;
  if (state.live.position || before !== state.view) loadView(state.view);
  if (id && !state.conversations.has(id)) loadConversation(id);
  changed();
}

/** Not needed before a conversation is open; a page has a budget of requests to be usable. */
function loadComposer() {
  composing ??= import("./composer.js").then((loaded) => { ({ MessageComposer } = loaded); changed(); }, () => { composing = null; });
}

function composerOf(id) {
  if (!MessageComposer) loadComposer();
  else if (!composers.has(id)) {
    composers.set(id, new MessageComposer(id));
    if (composers.size > COMPOSERS_MOST) {
      const oldest = [...composers.keys()].find((one) => one !== id);
      composers.get(oldest).save?.();
      composers.delete(oldest);
    }
  }
  return composers.get(id);
}

function draw() {
  const conversation = state.conversations.get(state.selected);
  view.layout.classList.toggle("has-open", Boolean(conversation));
  view.open.hidden = !conversation;
  view.blank.hidden = Boolean(conversation);
  setText(view.blank.lastChild, t(state.selected && !conversation ? "console.not_visible" : "console.blank"));
  for (const part of [view.bar, view.rail, view.list, view.dock]) part.draw();
  if (conversation) {
    const composer = composerOf(conversation.id);
    if (composer && view.composer.firstChild !== composer) view.composer.replaceChildren(composer);
    composer?.draw();
    view.head.draw();
    view.thread.draw();
    view.panel.draw();
  }
  drawMissed();
  if (state.presence?.wrap_ups?.length) import("./wrap-ups.js").catch(() => {});
  for (const element of root.querySelectorAll("[data-t]")) setText(element, t(element.dataset.t));
  const unread = myUnread() + [...state.offers.values()].filter((offer) => !offer.ended).length;
  document.title = `${unread ? `(${unread}) ` : ""}${conversation ? `${customerName(conversation)} – ` : ""}Switchboard`;
}

function drawMissed() {
  const missed = state.presence?.penalty === "not_responding";
  if (view.missed.hidden === !missed && view.missed.lang === document.documentElement.lang) return;
  view.missed.lang = document.documentElement.lang;
  view.missed.hidden = !missed;
  view.missed.replaceChildren(t("console.missed"), " ", el("button", { class: "button", type: "button", text: t("console.back_to_ready"), onclick: () => clearPenalty().catch((problem) => toast(explain(problem))) }));
}

/** Folded by choice on wide screens, and remembered; on narrow ones a drawer that starts closed. */
function togglePanel() {
  if (WIDE.matches) localStorage.setItem("switchboard.panel", localStorage.getItem("switchboard.panel") === "off" ? "on" : "off");
  else view.layout.classList.toggle("panel-drawn");
  applyPanel();
  changed();
}

function applyPanel() {
  view.layout.classList.toggle("panel-folded", localStorage.getItem("switchboard.panel") === "off");
}

function toast(text, label, press) {
  const note = el("div", { class: "toast" }, el("span", { text }), label && el("button", { class: "button quiet", text: label, onclick: () => { press(); note.remove(); } }));
  view.toasts.append(note);
  setTimeout(() => note.remove(), TOAST_MS);
}

start();
