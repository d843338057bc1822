// The chat widget's loader: a bubble in a shadow root. Everything else is fetched when somebody wants to talk.
(() => {
  const script = document.currentScript;
  if (!script || customElements.get("sb-chat")) return;
  const host = new URL(script.src).origin;
  const assets = `${host}__ASSETS__`;
  const labels = __LABELS__;
  const data = script.dataset;
  const queued = window.Switchboard?.q ?? [];
  const listeners = new Map();

  const css = `
    :host { all: initial !important; position: fixed !important; bottom: var(--offset) !important; left: var(--left, auto) !important; right: var(--right, auto) !important; z-index: var(--z) !important; }
    .bubble { all: unset; box-sizing: border-box; position: relative; display: grid; place-items: center; width: 56px; height: 56px; border-radius: 50%; background: var(--bubble); color: var(--on-bubble); cursor: pointer; box-shadow: 0 2px 8px #0b152629; }
    .bubble:focus-visible { outline: 2px solid var(--bubble); outline-offset: 2px; }
    .bubble[hidden] { display: none; }
    svg { width: 26px; height: 26px; fill: none; stroke: currentColor; stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round; }
    .count { position: absolute; top: -4px; right: -4px; min-width: 20px; padding: 0 5px; box-sizing: border-box; border-radius: 10px; background: #B3202C; color: #fff; font: 600 12px/20px system-ui, sans-serif; text-align: center; }
    .count:empty { display: none; }
    @media (forced-colors: active) { .bubble { border: 2px solid; } }`;

  function pick(wish) {
    const base = (wish || "").toLowerCase().split("-")[0];
    return Object.keys(labels).find((tag) => tag.toLowerCase().split("-")[0] === base) ?? "en";
  }

  function luminance(rgb) {
    const [r, g, b] = rgb.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  /** The shop's colour, darkened until white text on it has 4.5:1. */
  function accent(wish) {
    let rgb = /^#[0-9a-f]{6}$/i.test(wish ?? "") ? [1, 3, 5].map((at) => parseInt(wish.slice(at, at + 2), 16)) : [26, 92, 203];
    while (1.05 / (luminance(rgb) + 0.05) < 4.5) rgb = rgb.map((value) => Math.floor(value * 0.92));
    return `rgb(${rgb.join(" ")})`;
  }

  function stored(name) {
    try { return JSON.parse(localStorage.getItem(`switchboard.${data.key}`) ?? "{}")[name]; } catch { return undefined; }
  }

  class SwitchboardChat extends HTMLElement {
    static observedAttributes = ["lang"];

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      root.adoptedStyleSheets = [sheet];
      this.bubble = document.createElement("button");
      this.bubble.className = "bubble";
      this.bubble.type = "button";
      this.bubble.setAttribute("aria-expanded", "false");
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("viewBox", "0 0 20 20");
      svg.setAttribute("aria-hidden", "true");
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", "M4 4h12v9H9l-4 3v-3H4z");
      svg.append(path);
      this.count = document.createElement("span");
      this.count.className = "count";
      this.bubble.append(svg, this.count);
      this.bubble.addEventListener("click", () => this.open());
      for (const name of ["pointerenter", "focus"]) this.bubble.addEventListener(name, () => this.panel(), { once: true });
      root.append(this.bubble);
      this.unread = 0;
    }

    connectedCallback() {
      const color = accent(data.accent);
      this.style.setProperty("--bubble", color);
      this.style.setProperty("--on-bubble", "#fff");
      this.style.setProperty("--offset", `${parseInt(data.offset, 10) || 20}px`);
      this.style.setProperty("--z", String(parseInt(data.z, 10) || 2147483000));
      this.style.setProperty(data.position === "left" ? "--left" : "--right", "var(--offset)");
      if (data.accent) this.style.setProperty("--shop-accent", color);
      if (data.theme && data.theme !== "auto") this.dataset.theme = data.theme;
      this.bubble.hidden = data.hideLauncher !== undefined;
      this.label();
      // No socket before the visitor opens it, unless a chat is running.
      if (stored("active")) this.panel();
    }

    attributeChangedCallback() {
      this.label();
      this.loaded?.then((panel) => panel.setLanguage(this.language()));
    }

    language() {
      return pick(this.lang || data.lang || document.documentElement.lang || navigator.language);
    }

    label() {
      const texts = labels[this.language()];
      const text = this.unread ? texts["widget.launcher.unread"].replace("{count}", this.unread) : texts["widget.launcher.open"];
      this.bubble.setAttribute("aria-label", text);
      this.bubble.title = text;
      this.count.textContent = this.unread > 9 ? "9+" : this.unread || "";
    }

    setUnread(count) {
      if (count === this.unread) return;
      this.unread = count;
      this.label();
      tell("unread", count);
    }

    panel() {
      this.loaded ??= import(`${assets}/widget/panel.js`).then((module) => module.mount(this, { host, assets, key: data.key, language: this.language() }));
      this.loaded.catch((error) => { this.loaded = null; console.warn("Switchboard:", error.message); });
      return this.loaded;
    }

    async open() {
      (await this.panel()).open();
      this.bubble.setAttribute("aria-expanded", "true");
      tell("open");
    }

    async close() {
      if (!this.loaded) return;
      (await this.loaded).close();
    }

    closed() {
      this.bubble.setAttribute("aria-expanded", "false");
      this.bubble.focus();
      tell("close");
    }
  }

  function tell(name, detail) {
    for (const callback of listeners.get(name) ?? []) callback(detail);
  }

  customElements.define("sb-chat", SwitchboardChat);
  const chat = document.createElement("sb-chat");
  window.Switchboard = {
    open: () => chat.open(),
    close: () => chat.close(),
    logout: async () => { (await chat.panel()).logout(); },
    on: (name, callback) => listeners.set(name, [...(listeners.get(name) ?? []), callback]),
    push: ([name, ...values]) => window.Switchboard[name]?.(...values),
  };
  const start = () => {
    document.body.append(chat);
    for (const command of queued) window.Switchboard.push(command);
  };
  const idle = window.requestIdleCallback ?? ((callback) => setTimeout(callback, 1));
  if (document.body) idle(start);
  else addEventListener("DOMContentLoaded", () => idle(start));
})();
