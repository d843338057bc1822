// Starts the administration page: log in, the rail of sections, and the section that the address names.
import { call, explain } from "../shared/api.js";
import { el, icon, set, setText } from "../shared/dom.js";
import { chosenLanguage, load, t, translate } from "../shared/i18n.js";
import { forgetSignedIn, languageSwitch, signIn, wasSignedIn } from "../shared/sign-in.js";
import { mayLeave } from "./leaving.js";
import { SECTIONS } from "./sections.js";
import { button, failure, say } from "./parts.js";

const base = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const NEEDED_SCOPE = "routing:write";
const THEMES = ["auto", "light", "dark"];
const SKELETON_MS = 150;
const root = document.querySelector("#root");
let view, current = null, shownHash = null;

async function start() {
  document.body.dataset.assets = base;
  useTheme(localStorage.getItem("switchboard.theme") ?? "auto");
  await useLanguage();
  const me = await identify();
  await useLanguage(me.agent?.languages[0]);
  build(me);
  if (!me.scopes.includes(NEEDED_SCOPE)) return refuse();
  addEventListener("hashchange", () => show());
  await show();
}

async function useLanguage(profile) {
  const language = chosenLanguage(profile);
  await load(base, "admin", language);
  document.documentElement.lang = language;
}

function useTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

async function identify(note = "") {
  if (!wasSignedIn()) await signIn(root, base, "admin");
  for (;;) {
    try { return await call("GET", "/v1/me"); } catch (problem) {
      if (problem.status !== 401) note = explain(problem);
      await signIn(root, base, "admin", note);
    }
  }
}

function build(me) {
  const theme = el("button", { class: "button quiet", type: "button", onclick: () => nextTheme() }, icon("theme", true), el("span", { class: "unseen" }));
  view = {
    theme, rail: el("nav"), place: el("div", { class: "place" }),
    links: SECTIONS.map(({ name, icon: shape }) => el("a", { href: `#${name}`, data: { name } }, icon(shape), say("span", `admin.section.${name}`))),
  };
  view.rail.append(...view.links);
  const person = me.agent?.name ?? me.role;
  root.replaceChildren(
    el("a", { class: "unseen skip", href: "#main", onclick: (event) => { event.preventDefault(); view.main.focus(); } }, say("span", "admin.skip")),
    el("header", {}, say("h1", "admin.title"), el("span", { class: "gap" }), el("span", { class: "soft person", text: person }),
      button("admin.log_out", logOut, { look: "quiet" }), theme, languageSwitch(base, "admin", redraw)),
    el("div", { class: "layout" }, view.rail, view.main = el("main", { id: "main", tabIndex: -1 }, view.place)));
  drawFrame();
}

function drawFrame() {
  document.title = `${t("admin.title")} – Switchboard`;
  view.rail.setAttribute("aria-label", t("admin.sections"));
  const theme = localStorage.getItem("switchboard.theme") ?? "auto";
  set(view.theme, { title: t(`admin.theme.${theme}`) });
  setText(view.theme.lastChild, t(`admin.theme.${theme}`));
  root.querySelector("header select")?.setAttribute("aria-label", t("common.language"));
}

/** Another language: labels change where they stand, so that nothing typed is lost; the rest is the section's own. */
function redraw() {
  translate(root);
  drawFrame();
  current?.redraw?.();
}

function nextTheme() {
  const theme = THEMES[(THEMES.indexOf(localStorage.getItem("switchboard.theme") ?? "auto") + 1) % THEMES.length];
  localStorage.setItem("switchboard.theme", theme);
  useTheme(theme);
  drawFrame();
}

function refuse() {
  view.rail.hidden = true;
  view.place.replaceChildren(el("div", { class: "empty" }, say("h2", "admin.refused.title"), say("p", "admin.refused.text"), button("admin.refused.other", logOut, { look: "filled" })));
}

/** The section the address names; its parts behind the slash are the section's own. */
async function show() {
  if (location.hash === shownHash) return;
  if (!mayLeave()) {
    history.replaceState(null, "", shownHash || location.pathname);
    return;
  }
  shownHash = location.hash;
  const [name, ...path] = location.hash.slice(1).split("/").map(decodeURIComponent);
  const section = SECTIONS.find((one) => one.name === name) ?? SECTIONS[0];
  for (const link of view.links) set(link, { "aria-current": link.dataset.name === section.name ? "page" : null });
  view.rail.querySelector("[aria-current]").scrollIntoView({ block: "nearest", inline: "nearest" });
  await fill(section, path, location.hash);
}

async function fill(section, path, hash) {
  const place = el("div", { class: "place", data: { section: hash.slice(1) } });
  const late = setTimeout(() => {
    // Somebody who clicked on meanwhile may look at another section that is there already.
    if (hash === shownHash) view.place.replaceChildren(say("p", "common.loading", { class: "soft", role: "status" }));
  }, SKELETON_MS);
  try {
    const { open } = await section.module();
    const opened = await open(place, path);
    if (hash !== shownHash) return;
    current = opened;
  } catch (problem) {
    if (hash !== shownHash) return;
    current = null;
    place.replaceChildren(failure(problem, () => fill(section, path, hash)));
  } finally {
    clearTimeout(late);
  }
  view.place.replaceWith(place);
  view.place = place;
  place.querySelector("[autofocus]")?.focus();
}

async function logOut() {
  if (!mayLeave()) return;
  await call("DELETE", "/v1/session").catch(() => {});
  forgetSignedIn();
  location.reload();
}

start();
