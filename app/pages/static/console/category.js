// What the conversation is about: a code of the installation's own, with those already in use to choose from.
import { call, explain } from "../shared/api.js";
import { el, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { newId } from "../shared/socket.js";
import { changed, putConversation, state } from "./store.js";

const CODE = /^[a-z0-9_]{0,60}$/;
let parts = null, planned = null;

/** Those that policies ask for, and those that the conversations at hand have. */
async function offer() {
  planned ??= call("GET", "/v1/sla/policies").then((policies) => policies.filter((one) => !one.retired).flatMap((one) => one.body.conditions.categories ?? [])).catch(() => { planned = null; return []; });
  const used = [...state.conversations.values()].map((one) => one.category).filter(Boolean);
  parts.known.replaceChildren(...[...new Set([...(await planned), ...used])].sort().map((value) => el("option", { value })));
}

async function save() {
  const { id } = parts;
  const code = parts.input.value.trim().toLowerCase().replace(/[\s-]+/g, "_");
  setText(parts.problem, "");
  if (!CODE.test(code)) return setText(parts.problem, t("console.category.wrong"));
  try {
    const answer = await call("PUT", `/v1/conversations/${id}/category`, { category: code }, { key: newId() });
    putConversation(answer);
    if (parts.id === id) parts.typed = false;
    changed();
  } catch (problem) {
    if (parts.id === id) setText(parts.problem, explain(problem));
  }
}

function build(place) {
  const say = (tag, key, properties = {}) => el(tag, { ...properties, data: { t: key }, text: t(key) });
  parts = { id: null, typed: false, known: el("datalist", { id: "categories" }), problem: el("p", { class: "error", role: "alert" }) };
  parts.input = el("input", { id: "category", list: "categories", autocomplete: "off", spellcheck: false, maxLength: 60, onfocus: offer });
  parts.set = say("button", "console.category.set", { class: "button", type: "submit" });
  const form = el("form", { class: "category", noValidate: true, onsubmit: (event) => { event.preventDefault(); save(); } },
    say("label", "console.category.title", { htmlFor: "category", class: "soft" }), el("div", { class: "category-line" }, parts.input, parts.set), parts.known, parts.problem);
  form.addEventListener("input", () => { parts.typed = true; changed(); });
  place.replaceChildren(form);
}

export function showCategory(place, conversation) {
  if (!parts) build(place);
  if (parts.id !== conversation.id) {
    Object.assign(parts, { id: conversation.id, typed: false });
    setText(parts.problem, "");
  }
  const value = conversation.category ?? "";
  if (!parts.typed && parts.input.value !== value) parts.input.value = value;
  parts.set.hidden = parts.input.value.trim() === value;
}
