// A made-up shop that embeds the widget as a stranger would, on a page that is hostile on purpose.
import { el } from "../shared/dom.js";
import { chosenLanguage, LANGUAGES, language, load, onLanguage, rememberLanguage, t } from "../shared/i18n.js";

const base = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const ITEMS = [["tea", 128], ["cup", 96], ["pot", 460], ["tray", 150], ["notebook", 58], ["lamp", 320]];
const THEMES = ["auto", "light", "dark"];
let basket = 0;
let key = "";

function price(amount) {
  return new Intl.NumberFormat(language, { style: "currency", currency: "CNY", maximumFractionDigits: 0 }).format(amount);
}

function chat() {
  return document.querySelector("sb-chat");
}

function add() {
  basket += 1;
  draw();
}

function item([name, amount]) {
  return el("article", {}, el("div", { class: `picture ${name}` }), el("h2", { text: t(`shop.item.${name}`) }),
    el("p", { class: "price", text: price(amount) }), el("button", { type: "button", text: t("shop.add"), onclick: add }));
}

async function chooseLanguage(tag) {
  rememberLanguage(tag);
  await load(base, "shop", tag);
  chat()?.setAttribute("lang", tag);
}

function chooseTheme(theme) {
  for (const root of [document.documentElement, chat()]) {
    if (theme === "auto") delete root?.dataset.theme;
    else if (root) root.dataset.theme = theme;
  }
}

function choice(label, options, value, chosen) {
  const select = el("select", { "aria-label": label, onchange: () => chosen(select.value) }, ...options.map(([id, text]) => el("option", { value: id, text, selected: id === value })));
  return el("label", {}, el("span", { text: label }), select);
}

function draw() {
  document.documentElement.lang = language;
  const modal = el("div", { class: "modal", hidden: true }, el("h2", { text: t("shop.modal") }), el("p", { text: t("shop.modal_text") }),
    el("button", { type: "button", text: t("shop.modal_close"), onclick: () => { modal.hidden = true; } }));
  const theme = document.documentElement.dataset.theme ?? "auto";
  const shop = el("div", { id: "shop" },
    el("header", {}, el("b", { class: "name", text: t("shop.name") }), el("nav", {},
      el("button", { type: "button", text: t("shop.offer"), onclick: () => { modal.hidden = false; } }),
      el("span", { text: t("shop.account") }), el("span", { class: "basket", text: t("shop.basket", { count: basket }) }))),
    el("main", {}, el("h1", { text: t("shop.heading") }), el("p", { text: t("shop.intro") }),
      !key && el("p", { class: "missing", role: "alert", text: t("shop.no_key") }),
      el("section", { class: "grid" }, ...ITEMS.map(item)),
      el("section", { class: "switches" }, choice(t("shop.language"), Object.entries(LANGUAGES), language, chooseLanguage),
        choice(t("shop.theme"), THEMES.map((one) => [one, t(`shop.theme.${one}`)]), theme, chooseTheme)),
      el("section", {}, el("h2", { text: t("shop.snippet") }), el("code", { text: `<script src="${location.origin}/widget.js" data-key="${key}" async></script>` }))),
    el("footer", { text: t("shop.footer") }), modal);
  const old = document.querySelector("#shop");
  if (old) old.replaceWith(shop);
  else document.body.prepend(shop);
}

async function embed() {
  const script = document.createElement("script");
  script.async = true;
  script.dataset.key = key;
  script.src = policy ? policy.createScriptURL("/widget.js") : "/widget.js";
  document.body.append(script);
}

const policy = globalThis.trustedTypes?.createPolicy("shop", {
  createScriptURL(address) {
    if (address !== "/widget.js") throw new TypeError("not our widget");
    return new URL(address, location.origin).href;
  },
});

async function start() {
  const config = await fetch("/widget/demo/config.json").then((response) => (response.ok ? response.json() : {})).catch(() => ({}));
  key = config.key ?? "";
  await load(base, "shop", chosenLanguage());
  draw();
  onLanguage(draw);
  if (key) await embed();
}

start();
