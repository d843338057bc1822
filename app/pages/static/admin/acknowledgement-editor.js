// The acknowledgement of one channel account, beside what customers will read in each language.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { languageName, t } from "../shared/i18n.js";
import { editor } from "./editor.js";
import { textsByLanguage } from "./languages.js";
import { field, say } from "./parts.js";
import { clearWrong, tellAt, Wrong } from "./wrong.js";

const WHEN = ["outside_hours", "always", "never"];
const TEXT_MOST = 1000;
const PLACEHOLDER = /\{([^{}]*)\}/g;
const UNFINISHED = /\{[^{}]*$/;
const PLACEHOLDERS = ["due", "name_of_brand"];
const EXAMPLE_TIME = "09:30";
const DAY_MS = 86400000;

/** Words in braces that mean nothing, and braces that stand alone, would reach the customer as they are. */
export function isFillable(text) {
  const unknown = [...text.matchAll(PLACEHOLDER)].some(([, name]) => !PLACEHOLDERS.includes(name));
  return !unknown && !/[{}]/.test(text.replace(PLACEHOLDER, ""));
}

const names = () => PLACEHOLDERS.map((name) => `{${name}}`).join(t("admin.between"));

function check(input) {
  if (!isFillable(input.value)) throw new Wrong(input, "admin.wrong.placeholder", { names: names() });
}

/** At the field while it is written, so that nothing moves under a pointer that leaves it. A brace just opened may wait. */
function checkNow(input) {
  clearWrong(input.closest("[data-part]"));
  if (!isFillable(input.value.replace(UNFINISHED, ""))) tellAt(input, t("admin.wrong.placeholder", { names: names() }));
}

function writingPlace(text) {
  const input = el("textarea", { value: text, rows: 3, maxLength: TEXT_MOST });
  input.addEventListener("input", () => checkNow(input));
  return input;
}

const primary = (tag) => tag.toLowerCase().split("-")[0];

function preview(account, shipped) {
  const place = el("div", { class: "preview", role: "region", "aria-live": "polite" });
  const fill = (text, due) => text.replace(PLACEHOLDER, (whole, name) => ({ due, name_of_brand: account.brand || account.name })[name] ?? whole);
  const said = (tag, own, words) => {
    const due = words?.due_example ?? `${new Date(Date.now() + DAY_MS).toLocaleDateString("sv")} ${EXAMPLE_TIME}`;
    const without = own && !own.includes("{due}") ? null : words?.without_time;
    return el("section", {}, el("h4", { text: languageName(tag) }), el("p", { class: "soft", text: t(own ? "admin.ack.own" : "admin.ack.shipped") }), el("blockquote", { lang: tag, text: fill(own ?? words.with_time, due) }),
      ...(without ? [say("p", "admin.ack.without_time", { class: "soft" }), el("blockquote", { lang: tag, text: fill(without, "") })] : []));
  };
  const draw = (when, texts) => {
    const others = shipped.filter(({ language }) => !Object.keys(texts).some((tag) => primary(tag) === primary(language)));
    const own = Object.entries(texts).map(([tag, text]) => said(tag, text, shipped.find(({ language }) => primary(language) === primary(tag))));
    place.replaceChildren(say("h3", "admin.ack.preview"), ...(when === "never" ? [say("p", "admin.ack.nothing_sent")] : [...own, ...others.map((one) => said(one.language, null, one))]));
    place.setAttribute("aria-label", t("admin.ack.preview"));
  };
  return { place, draw };
}

export function openEditor(place, account, shipped) {
  const when = el("select", {}, ...WHEN.map((value) => el("option", { value, data: { t: `admin.ack.when.${value}` }, text: t(`admin.ack.when.${value}`) })));
  when.value = account.acknowledgement.when;
  const texts = textsByLanguage("texts", "admin.ack.texts", account.acknowledgement.texts, { label: "admin.ack.text", control: writingPlace, check });
  const body = el("div", { class: "form-body" }, el("div", { class: "form-body", data: { part: "acknowledgement" } }, field("when", "admin.ack.when", when), texts.element),
    el("p", { class: "soft" }, say("span", "admin.ack.hint"), " ", el("code", { text: PLACEHOLDERS.map((name) => `{${name}}`).join(" ") })));
  const shown = preview(account, shipped);
  let written = account.acknowledgement.texts;
  const look = () => {
    // A row that is half written does not make the others vanish.
    try { written = texts.read(); } catch (problem) { if (!(problem instanceof Wrong)) throw problem; }
    shown.draw(when.value, written);
  };
  body.addEventListener("input", look);
  const path = `/v1/channel-accounts/${account.id}`;
  const it = {
    thing: account, fresh: "", back: "admin.ack.back", list: "acknowledgement",
    documentOf: ({ acknowledgement }) => ({ acknowledgement }),
    read: () => ({ acknowledgement: { when: when.value, texts: texts.read() } }),
    send: (wanted, { version }) => call("PATCH", path, wanted, { version }),
    find: () => call("GET", path),
    reopen: (theirs) => openEditor(place, theirs, shipped),
  };
  const opened = editor(place, it, body, shown.place);
  look();
  return { ...opened, redraw: () => { opened.redraw(); look(); } };
}
