// Makes elements. Text goes in as text only: nothing here can turn a customer's words into markup.
const SVG = "http://www.w3.org/2000/svg";

const AFTER_COMPOSITION_MS = 50;

const LINK = /(https?:\/\/[^\s<>"'，。！？、；：）]+)/;
const PATHS = {
  chat: "M4 4h12v9H9l-4 3v-3H4z",
  email: "M3 5h14v10H3zM3 6l7 5 7-5",
  phone: "M5 3h3l1.5 4L7.5 8.5a9 9 0 0 0 4 4L13 10.5l4 1.5v3a2 2 0 0 1-2 2A12 12 0 0 1 3 5a2 2 0 0 1 2-2z",
  social: "M6 10a2 2 0 1 0-.01 0zM14 6a2 2 0 1 0-.01 0zM14 17a2 2 0 1 0-.01 0zM7.7 9.2l4.6-3M7.8 11l4.5 3",
  note: "M5 3h10v10l-4 4H5zM11 17v-4h4M8 7h4M8 10h4",
  send: "M3 10l14-6-5 13-3-5zM9 12l8-8",
  inbox: "M3 11l3-7h8l3 7v5H3zM3 11h4l1 2h4l1-2h4",
  queue: "M4 5h12M4 10h12M4 15h7",
  people: "M7.5 9a2.5 2.5 0 1 0-.01 0zM3 16c0-3 2-4.5 4.5-4.5S12 13 12 16M13 9a2 2 0 1 0 0-4M14 11.5c2 .3 3 1.8 3 4.5",
  stack: "M3 8h14v8H3zM5 5.5h10M7 3h6",
  done: "M4 10.5l4 4 8-9",
  read: "M2 10.5l4 4 7-8M9 14l.5.5 7-8",
  clock: "M10 17a7 7 0 1 0-.01 0zM10 6v4l3 2",
  failed: "M10 3l8 14H2zM10 8v4M10 14.5v.01",
  live: "M10 12a2 2 0 1 0-.01 0zM5.5 14.5a6 6 0 0 1 0-9M14.5 5.5a6 6 0 0 1 0 9",
  offline: "M3 3l14 14M5.5 14.5a6 6 0 0 1-.5-8.5M14.5 5.5a6 6 0 0 1 .5 8.5",
  sync: "M4 10a6 6 0 0 1 10.5-4L16 8M16 4v4h-4M16 10a6 6 0 0 1-10.5 4L4 12M4 16v-4h4",
  sound: "M4 8v4h3l4 3V5L7 8zM13.5 7.5a4 4 0 0 1 0 5M15.5 5.5a7 7 0 0 1 0 9",
  muted: "M4 8v4h3l4 3V5L7 8zM14 8l4 4M18 8l-4 4",
  transfer: "M4 7h11l-3-3M16 13H5l3 3",
  person: "M10 9a3 3 0 1 0-.01 0zM4 17c0-3.5 2.5-5 6-5s6 1.5 6 5",
  panel: "M3 4h14v12H3zM12 4v12",
  back: "M12 4l-6 6 6 6",
  close: "M5 5l10 10M15 5L5 15",
  down: "M5 8l5 5 5-5",
  theme: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  question: "M10 17a7 7 0 1 0-.01 0zM8 8a2 2 0 1 1 3 1.8c-.7.4-1 .8-1 1.7M10 14v.01",
  ready: "M10 14a4 4 0 1 0-.01 0z",
  pause: "M7 5v10M13 5v10",
  calendar: "M4 5h12v11H4zM4 9h12M7 3v4M13 3v4",
  chart: "M3 17h14M5 14v-4M10 14V5M15 14V8",
  plus: "M10 4v12M4 10h12",
  up: "M5 12l5-5 5 5",
  forward: "M8 4l6 6-6 6",
  attach: "M13.5 6.5L7 13a1.7 1.7 0 0 0 2.4 2.4L16 8.8a3.3 3.3 0 0 0-4.7-4.7L4.6 10.8a5 5 0 0 0 7 7L16 13.4",
  verified: "M10 3l6 2v5c0 4-3 6-6 7-3-1-6-3-6-7V5zM7.5 10l2 2 3.5-4",
};

/** An element with properties (`on*` listeners, `data`, `aria-*` and other attributes) and children or texts. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  set(element, properties);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function set(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "text") setText(element, value);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "class") element.className = value;
    else if (name in element && !name.includes("-") && name !== "list" && name !== "form") element[name] = value;
    else if (value === null || value === undefined || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : value);
  }
  return element;
}

/** Writes only what changed, so that a selection inside an unchanged text survives. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function icon(name, small = false) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", small ? "icon small" : "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name] ?? PATHS.question);
  svg.append(path);
  svg.dataset.icon = name;
  return svg;
}

/** Puts `name` into the place of another icon; the same one is left alone. */
export function setIcon(svg, name) {
  if (svg.dataset.icon === name) return;
  svg.dataset.icon = name;
  svg.firstChild.setAttribute("d", PATHS[name] ?? PATHS.question);
}

/**
 * Makes `parent`'s children follow `items`, keyed. Elements that stay are updated where they stand and moved only
 * when their place changed, so that focus, scroll and selection survive.
 */
export function reconcile(parent, items, keyOf, create, update) {
  const present = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let element = present.get(key);
    if (!element) {
      element = create(item);
      element.dataset.key = key;
    }
    present.delete(key);
    update?.(element, item);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const element of present.values()) element.remove();
}

/** Watches `field`; the answer is asked of each keydown: true while it belongs to the input method. */
export function watchComposition(field) {
  let composing = false;
  let endedAt = -Infinity;
  field.addEventListener("compositionstart", () => { composing = true; });
  field.addEventListener("compositionend", (event) => { composing = false; endedAt = event.timeStamp; });
  // Safari ends the composition before the keydown of the Enter that ended it: hence the 50 ms.
  return (event) => composing || event.isComposing || event.keyCode === 229
    || (event.timeStamp !== undefined && event.timeStamp - endedAt < AFTER_COMPOSITION_MS);
}

/** Text with its http(s) addresses as links; nothing else can become markup. */
export function linked(text) {
  return text.split(LINK).map((part) => (LINK.test(part) ? el("a", { href: part, rel: "noopener noreferrer", target: "_blank", text: part }) : part));
}

/** The files among what was pasted or dropped. With some, the browser does nothing else with the event. */
export function filesOf(event) {
  const files = [...((event.clipboardData ?? event.dataTransfer)?.files ?? [])];
  if (files.length) event.preventDefault();
  return files;
}

/** Tab goes round within `box`. */
export function holdFocus(box, event) {
  const stops = [...box.querySelectorAll("a, button, textarea, [tabindex='0']")].filter((one) => !one.disabled && one.checkVisibility());
  const at = stops.indexOf(box.getRootNode().activeElement);
  event.preventDefault();
  stops[(at + (event.shiftKey ? -1 : 1) + stops.length) % stops.length].focus();
}

/** The page stands still; answers the means to give it back where it was. */
export function holdPage() {
  const { style } = document.documentElement;
  const [top, overflow] = [scrollY, style.overflow];
  style.setProperty("overflow", "hidden");
  return () => {
    style.overflow = overflow;
    scrollTo(0, top);
  };
}
