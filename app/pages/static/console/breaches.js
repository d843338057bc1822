// One broken promise in the customer panel: the question for its cause, and what the customer was given for it.
import { call, explain } from "../shared/api.js";
import { el, reconcile, setText } from "../shared/dom.js";
import { language, moment, nameOf, t } from "../shared/i18n.js";
import { metricName } from "../shared/rest.js";
import { newId } from "../shared/socket.js";
import { announce } from "./store.js";

const REMEDIES = ["voucher", "apology", "refund", "other"];
const NOTE_MOST = 2000;
const AMOUNT = /^\d{1,12}(?:[.,]\d{1,2})?$/, CURRENCY = /^[A-Za-z]{3}$/;
let codes = [];

export async function loadCodes() {
  codes = await call("GET", "/v1/sla/cause-codes");
}

function labelled(key, control) {
  return el("label", { class: "field" }, el("span", { data: { t: key }, text: t(key) }), control);
}

function word(key, properties = {}) {
  return el("span", { ...properties, data: { t: key }, text: t(key) });
}

/** A small form that says below itself what went wrong; a repeat after a broken line counts once. */
function form(save, send, ...fields) {
  const problem = el("p", { class: "error", role: "alert" });
  let key = newId(), busy = false;
  const element = el("form", { noValidate: true, onsubmit: async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    setText(problem, "");
    try {
      const said = await send(key);
      if (said) announce("toast", said);
      key = newId();
    } catch (wrong) {
      if (wrong.code !== "network") key = newId();
      setText(problem, wrong.document ? explain(wrong) : wrong.message);
    }
    busy = false;
  } }, ...fields, problem, el("div", { class: "actions" }, el("button", { class: "button", type: "submit" }, word(save))));
  element.addEventListener("input", () => { key = newId(); });
  return element;
}

function causeForm(row) {
  const select = el("select"), note = el("textarea", { rows: 2, maxLength: NOTE_MOST });
  const element = form("console.duty.save_cause", async (key) => {
    if (!select.value) throw new Error(t("console.duty.choose_cause"));
    // Into the one that is listed: the list asked for anew comes a moment later.
    Object.assign(row.breach, await call("PUT", `/v1/sla/clocks/${row.breach.clock_id}/cause`, { cause_code: select.value, note: note.value }, { key }));
    row.typed = false;
    return t("console.duty.cause_saved");
  }, labelled("console.duty.cause", select), labelled("console.duty.note", note));
  element.addEventListener("input", () => { row.typed = true; });
  return { element, select, note };
}

function remedyForm(row) {
  const kind = el("select", {}, ...REMEDIES.map((name) => el("option", { value: name, data: { t: `console.duty.remedy.${name}` }, text: t(`console.duty.remedy.${name}`) })));
  const amount = el("input", { inputMode: "decimal", autocomplete: "off", maxLength: 15 }), currency = el("input", { autocomplete: "off", maxLength: 3, spellcheck: false });
  const note = el("textarea", { rows: 2, maxLength: NOTE_MOST });
  const element = form("console.duty.save_remedy", async (key) => {
    const sum = amount.value.trim(), money = currency.value.trim();
    if ((sum || money) && !(AMOUNT.test(sum) && CURRENCY.test(money))) throw new Error(t("console.duty.wrong_amount"));
    const body = { kind: kind.value, note: note.value, ...(sum ? { amount: sum.replace(",", "."), currency: money.toUpperCase() } : {}) };
    await call("POST", `/v1/sla/clocks/${row.breach.clock_id}/remedies`, body, { key });
    element.reset();
    await loadRemedies(row);
    return t("console.duty.remedy_saved");
  }, labelled("console.duty.remedy", kind),
  el("div", { class: "money" }, labelled("console.duty.amount", amount), labelled("console.duty.currency", currency)), labelled("console.duty.note", note));
  return element;
}

function remedyText({ kind, amount, currency, note, noted_at: at }) {
  const sum = amount && (currency ? new Intl.NumberFormat(language, { style: "currency", currency }).format(amount) : amount);
  return [t(`console.duty.remedy.${kind}`), sum, note, moment(at)].filter(Boolean).join(" · ");
}

/** Whoever is asked for a cause but sees the conversation no more has no remedies to look at. */
async function loadRemedies(row) {
  row.remedies = await call("GET", `/v1/sla/clocks/${row.breach.clock_id}/remedies`).catch(() => row.remedies ?? []);
  drawRemedies(row);
}

function drawRemedies(row) {
  reconcile(row.given, row.remedies ?? [], (one) => one.id, () => el("li", { class: "soft" }), (item, one) => setText(item, remedyText(one)));
}

export function breachRow(breach) {
  const row = { breach, typed: false, given: el("ul", { class: "given" }) };
  row.cause = causeForm(row);
  const [title, about] = [el("span", { class: "duty-text" }), el("span", { class: "soft" })];
  const details = el("details", { open: !breach.cause_code, ontoggle: () => details.open && loadRemedies(row) }, el("summary", {}, title, about),
    row.cause.element, row.given, el("details", {}, el("summary", {}, word("console.duty.note_remedy")), remedyForm(row)));
  return Object.assign(el("li", {}, details), { row, shownTitle: title, about });
}

/** What is being typed is left alone. */
export function drawBreach(item, breach) {
  const { row } = item;
  row.breach = breach;
  const code = codes.find((one) => one.code === breach.cause_code);
  setText(item.shownTitle, t("console.duty.missed", { metric: metricName(breach) }));
  setText(item.about, breach.cause_code ? t("console.duty.because", { cause: code ? nameOf(code) : breach.cause_code }) : t("console.duty.why", { time: moment(breach.breached_at) }));
  drawCauses(row, breach);
  drawRemedies(row);
}

function drawCauses({ cause: { select, note }, typed }, breach) {
  const offered = codes.filter((one) => !one.retired || one.code === breach.cause_code);
  reconcile(select, [{ code: "" }, ...offered], (one) => one.code, (one) => el("option", { value: one.code }), (option, one) => setText(option, one.code ? nameOf(one) || one.code : t("console.duty.choose")));
  if (typed) return;
  const wanted = breach.cause_code ?? "";
  if (select.value !== wanted) select.value = wanted;
  if (note.value !== breach.note) note.value = breach.note;
}
