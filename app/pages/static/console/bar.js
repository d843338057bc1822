// The bar at the top: connection, sound, presence with its menu, language, theme and log-out.
import { call, explain } from "../shared/api.js";
import { el, icon, set, setIcon, setText } from "../shared/dom.js";
import { span, t } from "../shared/i18n.js";
import { forgetSignedIn, languageSwitch } from "../shared/sign-in.js";
import { clearPenalty, setPresence } from "./acts.js";
import { clearDrafts, draftCount } from "./drafts.js";
import { announce, state } from "./store.js";
import { soundIsOn } from "./sound.js";

const REASONS = ["busy", "break", "meal", "meeting", "training"];
const CONNECTION_ICONS = { live: "live", catching_up: "sync", reconnecting: "sync", connecting: "sync", offline: "offline", ended: "failed", replaced: "failed", idle: "offline" };
const THEMES = ["auto", "light", "dark"];

export function applyTheme() {
  const theme = localStorage.getItem("switchboard.theme") ?? "auto";
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  return theme;
}

export class ConsoleBar extends HTMLElement {
  connectedCallback() {
    this.brand = el("b", { class: "brand" });
    this.connection = el("span", { class: "connection", role: "status" }, icon("live", true), el("span"));
    this.sound = el("button", { class: "button quiet sound", type: "button" }, icon("sound", true), el("span"));
    this.presence = el("button", { class: "button presence", type: "button", "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => this.toggleMenu() }, icon("ready", true), el("span"), el("time"));
    this.menu = el("div", { class: "menu", role: "menu", hidden: true });
    this.load = el("span", { class: "load figure" });
    this.language = el("span");
    this.theme = el("button", { class: "button quiet", type: "button", onclick: () => this.nextTheme() }, icon("theme", true), el("span", { class: "unseen" }));
    this.failure = el("p", { class: "error", role: "alert" });
    this.replaceChildren(this.brand, this.connection, this.sound, el("span", { class: "gap" }), this.failure, this.load,
      el("span", { class: "menu-anchor" }, this.presence, this.menu), this.language, this.theme);
    this.language.append(languageSwitch(document.body.dataset.assets, "console", () => announce("language")));
    this.menu.addEventListener("keydown", (event) => this.onMenuKey(event));
    addEventListener("pointerdown", (event) => { if (!event.composedPath().includes(this.presence.parentElement)) this.closeMenu(false); });
  }

  nextTheme() {
    const theme = THEMES[(THEMES.indexOf(applyTheme()) + 1) % THEMES.length];
    localStorage.setItem("switchboard.theme", theme);
    applyTheme();
    this.draw();
  }

  draw() {
    setText(this.brand, "Switchboard");
    const connection = state.live.state;
    this.connection.className = `connection ${connection}`;
    setIcon(this.connection.firstChild, CONNECTION_ICONS[connection]);
    setText(this.connection.lastChild, t(`common.connection.${connection}`, { count: state.live.caught }));
    setIcon(this.sound.firstChild, soundIsOn() ? "sound" : "muted");
    setText(this.sound.lastChild, soundIsOn() ? "" : t("console.sound.off"));
    set(this.sound, { hidden: soundIsOn() });
    this.drawPresence();
    const theme = localStorage.getItem("switchboard.theme") ?? "auto";
    set(this.theme, { title: t(`console.theme.${theme}`), "aria-label": t(`console.theme.${theme}`) });
    this.language.firstChild?.setAttribute("aria-label", t("common.language"));
  }

  drawPresence() {
    const presence = state.presence ?? {};
    const word = this.word(presence);
    this.presence.className = `button presence ${word}`;
    setIcon(this.presence.firstChild, word === "ready" ? "ready" : word === "not_responding" ? "failed" : "pause");
    const reason = word === "not_ready" && presence.reason ? t(`console.reason.${presence.reason}`) : t(`console.presence.${word}`);
    setText(this.presence.children[1], presence.pending_reason ? t("console.presence.after_work") : reason);
    this.tick();
    setText(this.load, presence.capacity_units ? t("console.load", { used: presence.used_units, capacity: presence.capacity_units }) : "");
  }

  word(presence) {
    if (presence.penalty === "not_responding") return "not_responding";
    return presence.readiness === "ready" ? "ready" : "not_ready";
  }

  tick() {
    const since = state.presence?.since;
    setText(this.presence.lastChild, since ? span((state.live.now() - Date.parse(since)) / 1000) : "");
  }

  toggleMenu() {
    if (!this.menu.hidden) return this.closeMenu();
    const item = (name, label, act, quiet = false) => el("button", { role: "menuitem", type: "button", tabIndex: -1, onclick: () => this.choose(act) }, icon(name, true), el("span", { text: label, class: quiet ? "soft" : "" }));
    const penalised = state.presence?.penalty === "not_responding";
    this.menu.replaceChildren(
      item("ready", t("console.presence.ready"), () => (penalised ? clearPenalty() : setPresence("ready"))),
      ...REASONS.map((reason) => item("pause", t(`console.reason.${reason}`), () => setPresence("not_ready", reason))),
      el("hr"), item("back", t("console.log_out", { name: state.me.name }), () => this.logOut()));
    this.menu.hidden = false;
    this.menu.setAttribute("aria-label", t("console.presence"));
    this.presence.setAttribute("aria-expanded", "true");
    this.menu.firstChild.focus();
  }

  closeMenu(refocus = true) {
    if (this.menu.hidden) return;
    this.menu.hidden = true;
    this.presence.setAttribute("aria-expanded", "false");
    if (refocus) this.presence.focus();
  }

  onMenuKey(event) {
    const items = [...this.menu.querySelectorAll("button")];
    const at = items.indexOf(document.activeElement);
    if (event.key === "Escape") this.closeMenu();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    items[(at + step + items.length) % items.length].focus();
  }

  async choose(act) {
    this.closeMenu();
    setText(this.failure, "");
    try { await act(); } catch (problem) { setText(this.failure, explain(problem)); }
  }

  async logOut() {
    const drafts = draftCount();
    if (drafts && !confirm(t("console.log_out_drafts", { count: drafts }))) return;
    clearDrafts();
    state.live.close();
    await call("DELETE", "/v1/session");
    forgetSignedIn();
    location.reload();
  }
}

customElements.define("sb-console-bar", ConsoleBar);
