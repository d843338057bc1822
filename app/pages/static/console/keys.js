// Keyboard commands: by place on the keyboard, never with AltGr, never in a dialog or during composition.
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
