// The pieces of forms: labelled controls that know by which name the API calls them, lists that grow, what is wrong.
import { explain } from "../shared/api.js";
import { el, icon } from "../shared/dom.js";
import { t } from "../shared/i18n.js";

let made = 0;

/** An element whose text follows the language. */
export function say(tag, key, properties = {}) {
  return el(tag, { ...properties, data: { ...properties.data, t: key }, text: t(key) });
}

export function button(key, onclick, { look = "", shape = null, edits = false, ...properties } = {}) {
  return el("button", { class: `button ${look}`, type: "button", onclick, ...(edits ? { data: { edits: "" } } : {}), ...properties },
    shape && icon(shape, true), say("span", key));
}

/** A button with a picture only; its word is its label and its tooltip. */
export function iconButton(shape, key, onclick, { edits = false, ...properties } = {}) {
  return el("button", { class: "button quiet square", type: "button", onclick, "aria-label": t(key), title: t(key), ...properties,
    data: { tLabel: key, tTitle: key, ...(edits ? { edits: "" } : {}) } }, icon(shape, true));
}

/** A labelled control. `part` is the name of its value in the API's document; refusals of it are told here. */
export function field(part, key, control, hint = null) {
  control.id ||= `control-${++made}`;
  const note = hint && say("span", hint, { class: "hint soft", id: `${control.id}-hint` });
  if (note) control.setAttribute("aria-describedby", note.id);
  return el("div", { class: "field", data: { part } }, say("label", key, { htmlFor: control.id }), control, note);
}

export function group(part, key, ...children) {
  return el("fieldset", { data: { part } }, say("legend", key), ...children);
}

export function checkbox(key, checked) {
  const box = el("input", { type: "checkbox", checked });
  return { element: el("label", { class: "check" }, box, say("span", key)), box };
}

/** The two buttons of a row whose place counts; which of them can do something is up to its place. */
function movers(row, move) {
  const step = (by) => ({ currentTarget: pressed }) => {
    move(by);
    (pressed.disabled ? row.querySelector(".mover:not([disabled])") : pressed)?.focus();
  };
  return [iconButton("up", "admin.policy.up", step(-1), { edits: true, class: "button quiet square mover" }), iconButton("down", "admin.policy.down", step(1), { edits: true, class: "button quiet square mover" })];
}

/**
 * Rows that can be added and removed, and moved where they are `ordered`. `make(value)` gives { element, read }; the
 * values are read in their order.
 */
export function listOf(values, make, { add, remove, fresh, most = 100, ordered = false }) {
  const rows = el("div", { class: "rows" });
  const items = [];
  const more = button(add, () => { append(fresh()).querySelector("input, select")?.focus(); }, { look: "quiet add", shape: "plus", edits: true });
  const refresh = () => {
    more.hidden = items.length >= most;
    if (ordered) [...rows.children].forEach((row, place) => row.querySelectorAll(":scope > .mover").forEach((one, down) => { one.disabled = place === (down ? items.length - 1 : 0); }));
  };
  const move = (item, row, by) => {
    const place = items.indexOf(item);
    items.splice(place + by, 0, ...items.splice(place, 1));
    rows.children[place + by][by < 0 ? "before" : "after"](row);
    refresh();
    changed(rows);
  };
  const append = (value) => {
    const item = make(value);
    const row = el("div", { class: "item", data: { part: "item" } }, item.element);
    if (ordered) row.append(...movers(row, (by) => move(item, row, by)));
    row.append(iconButton("close", remove, () => {
      items.splice(items.indexOf(item), 1);
      row.remove();
      refresh();
      more.focus();
      changed(rows);
    }, { edits: true }));
    items.push(item);
    rows.append(row);
    refresh();
    if (rows.isConnected) changed(rows);
    return row;
  };
  values.forEach(append);
  refresh();
  const clear = () => { items.length = 0; rows.replaceChildren(); refresh(); };
  return { element: el("div", { class: "list" }, rows, more), read: () => items.map((item) => item.read()), append, clear };
}

/** Tells whoever previews a form that a button changed it. */
export function changed(element) {
  element.dispatchEvent(new Event("input", { bubbles: true }));
}

/** A sentence at the place of what failed, with the way to try it again. */
export function failure(problem, again) {
  // A module that could not be fetched fails without a document; what else does is ours to hear of.
  if (!problem.document) reportError(problem);
  return el("div", { class: "failure", role: "alert" }, el("p", { class: "error", text: problem.document ? explain(problem) : t("problem.network") }), again && button("common.try_again", again));
}
