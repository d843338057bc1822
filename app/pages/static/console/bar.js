// The bar at the top: connection, sound, presence with its menu, language, theme and log-out.
import { call, explain } from "../shared/api.js";
import { el, icon, set, setIcon, setText } from "../shared/dom.js";
import { span, t } from "../shared/i18n.js";
import { forgetSignedIn, languageSwitch } from "../shared/sign-in.js";
import { clearPenalty, setPresence } from "./acts.js";
import { menuOf } from "./commands.js";
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
    this.presence = el("button", { class: "button presence", type: "button" }, icon("ready", true), el("span"), el("time"));
    this.load = el("span", { class: "load figure" });
    this.language = el("span");
    this.theme = el("button", { class: "button quiet", type: "button", onclick: () => this.nextTheme() }, icon("theme", true), el("span", { class: "unseen" }));
    this.failure = el("p", { class: "error", role: "alert" });
    this.replaceChildren(this.brand, this.connection, this.sound, el("span", { class: "gap" }), this.failure, this.load,
      this.presence, menuOf(this.presence, () => t("console.presence"), () => this.items()), this.language, this.theme);
    this.language.append(languageSwitch(document.body.dataset.assets, "console", () => announce("language")));
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

  items() {
    const penalised = state.presence?.penalty === "not_responding";
    return [
      ["ready", t("console.presence.ready"), () => this.choose(() => (penalised ? clearPenalty() : setPresence("ready")))],
      ...REASONS.map((reason) => ["pause", t(`console.reason.${reason}`), () => this.choose(() => setPresence("not_ready", reason))]),
      null,
      ["back", t("console.log_out", { name: state.me.name }), () => this.choose(() => this.logOut())],
    ];
  }

  async choose(act) {
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
