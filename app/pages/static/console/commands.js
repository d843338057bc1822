// The ways to command the console: menus, and keys by their place on the keyboard.
import { el, icon, set } from "../shared/dom.js";

const PLAIN = { KeyY: "accept", KeyJ: "next", KeyK: "previous", KeyU: "unread", KeyR: "reply", KeyN: "note", KeyI: "panel" };
const SHIFTED = { KeyY: "decline", KeyT: "transfer", KeyE: "resolve", KeyP: "presence" };
const REGIONS = ["#list", "#messages", "sb-message-composer textarea:not([hidden])", "sb-console-bar .presence"];

function moveRegion(step) {
  const regions = REGIONS.map((one) => document.querySelector(one)).filter((one) => one?.offsetParent);
  const at = regions.findIndex((one) => one.contains(document.activeElement));
  const next = regions[(at + step + regions.length) % regions.length];
  (next?.querySelector?.('a[tabindex="0"]') ?? next)?.focus();
}

/** Calls `commands[name]()` for each key that means one. */
export function listenForKeys(commands) {
  addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229 || document.querySelector("dialog[open]")) return;
    if (event.key === "F6") {
      event.preventDefault();
      return moveRegion(event.shiftKey ? -1 : 1);
    }
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.code === "Slash") {
      event.preventDefault();
      return commands.keys();
    }
    if (!event.altKey || event.ctrlKey || event.metaKey || event.getModifierState("AltGraph")) return;
    const name = (event.shiftKey ? SHIFTED : PLAIN)[event.code];
    if (!name) return;
    event.preventDefault();
    commands[name]();
  });
}

const EDGE_PX = 8;

function place(menu, button) {
  const { left, right, top, bottom } = button.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(EDGE_PX, right - width >= EDGE_PX && left + width > innerWidth - EDGE_PX ? right - width : left)}px`;
  menu.style.top = `${bottom + 4 + height > innerHeight - EDGE_PX ? Math.max(EDGE_PX, top - height - 4) : bottom + 4}px`;
}

function moveInMenu(event, menu) {
  const items = [...menu.querySelectorAll("button")];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (event.key === "Tab") menu.hidePopover();
  if (to === undefined) return;
  event.preventDefault();
  items.at(to % items.length).focus();
}

/** A menu under `button`: `items()` answers [icon name, text, act] each, or null for a line. The browser closes it. */
export function menuOf(button, label, items) {
  const menu = el("div", { class: "menu", role: "menu", popover: "auto" });
  const entry = (item) => item
    ? el("button", { role: "menuitem", type: "button", tabIndex: -1, onclick: () => { menu.hidePopover(); item[2](); } }, icon(item[0], true), el("span", { text: item[1] }))
    : el("hr");
  set(button, { popoverTargetElement: menu, "aria-haspopup": "menu", "aria-expanded": "false" });
  menu.addEventListener("beforetoggle", ({ newState }) => menu.replaceChildren(...(newState === "open" ? items().map(entry) : [])));
  menu.addEventListener("toggle", ({ newState }) => {
    button.setAttribute("aria-expanded", String(newState === "open"));
    if (newState !== "open") return;
    menu.setAttribute("aria-label", label());
    place(menu, button);
    menu.querySelector("button")?.focus();
  });
  menu.addEventListener("keydown", (event) => moveInMenu(event, menu));
  return menu;
}
