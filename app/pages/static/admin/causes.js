// Why promises were broken: how often by cause, the breaches without one, and the list of causes itself.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { number, nameOf, percent, t } from "../shared/i18n.js";
import { interval } from "./interval.js";
import { loadNames, nameById, word } from "./names.js";
import { button, failure, field, say } from "./parts.js";
import { conversationLink, pages, table, time } from "./tables.js";
import { clearWrong, tellAt, Wrong } from "./wrong.js";

const CODES = "/v1/sla/cause-codes";

export async function open(place, [code]) {
  const [codes] = await Promise.all([call("GET", CODES), loadNames()]);
  if (!code) return openLists(place, codes);
  const found = code === "new" ? null : codes.find((one) => one.code === code);
  if (found === undefined) { location.hash = "causes"; return null; }
  return (await import("./cause-editor.js")).openEditor(place, found);
}

export function causeName(codes, code) {
  if (code === null) return t("admin.causes.none_given");
  const found = codes.find((one) => one.code === code);
  return (found && nameOf(found)) || code;
}

/** How often, of the promises broken in an interval. */
function counts(codes) {
  const dates = interval(), out = el("div", { class: "report" });
  let lines = null;
  const form = el("form", { class: "filters", noValidate: true, data: { part: "" }, onsubmit: (event) => { event.preventDefault(); load(); } }, dates.element, button("admin.attainment.show", null, { type: "submit" }));
  function draw() {
    if (!lines) return;
    const whole = lines.reduce((sum, one) => sum + one.breaches, 0);
    const rows = lines.map((one) => el("tr", {}, el("th", { scope: "row", text: causeName(codes, one.cause_code) }), el("td", { text: number(one.breaches) }), el("td", { text: percent(one.breaches, whole) })));
    out.replaceChildren(lines.length ? table(t("admin.causes.counts"), ["admin.causes.cause", "admin.causes.breaches", "admin.causes.share"], rows) : say("p", "admin.causes.no_breaches", { class: "soft" }));
  }
  async function load() {
    clearWrong(form);
    try {
      const [from, to] = dates.read();
      lines = await call("GET", `/v1/sla/breach-causes?breached_from=${encodeURIComponent(from)}&breached_to=${encodeURIComponent(to)}`);
      draw();
    } catch (problem) {
      if (problem instanceof Wrong) tellAt(problem.place, t(problem.key)).focus();
      else out.replaceChildren(failure(problem, load));
    }
  }
  return { element: el("section", { class: "report" }, say("h3", "admin.causes.counts"), form, out), load, redraw: draw };
}

/** Breaches without a cause: a supervisor may give it in the owner's place. */
function unanswered(codes, given) {
  const status = el("p", { class: "soft", role: "status" }), trouble = el("div");
  const offered = codes.filter((one) => !one.retired);
  async function give(one, row, cause) {
    trouble.replaceChildren();
    try {
      await call("PUT", `/v1/sla/clocks/${one.clock_id}/cause`, { cause_code: cause });
      status.textContent = t("admin.causes.given");
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      next?.querySelector("select").focus();
      given();
    } catch (problem) {
      trouble.replaceChildren(failure(problem, null));
    }
  }
  function row(one) {
    const select = el("select", { "aria-label": t("admin.causes.cause") }, el("option", { value: "", text: t("admin.causes.choose") }), ...offered.map((code) => el("option", { value: code.code, text: nameOf(code) || code.code })));
    const element = el("tr", {}, el("th", { scope: "row", text: word(`admin.metric.${one.metric}`) }), el("td", {}, time(one.breached_at)),
      el("td", { class: "wrap", text: one.asked_of ? nameById(one.asked_of) : "–" }), el("td", {}, conversationLink(one.conversation_id)),
      el("td", { class: "acts" }, el("div", { class: "inline" }, select, button("admin.causes.give", () => (select.value ? give(one, element, select.value) : select.focus())))));
    return element;
  }
  const list = pages(() => "/v1/sla/breaches?unanswered=true", (items) => (items.length
    ? table(t("admin.causes.unanswered"), ["admin.field.metric", "admin.causes.when", "admin.causes.asked", "admin.conversation", "admin.causes.cause"], items.map(row))
    : say("p", "admin.causes.all_answered", { class: "soft" })));
  return { ...list, element: el("section", { class: "report" }, say("h3", "admin.causes.unanswered"), status, trouble, list.element) };
}

function listCodes(codes) {
  const rows = codes.map((one) => el("tr", {}, el("th", { scope: "row" }, el("a", { href: `#causes/${one.code}`, text: nameOf(one) || one.code })),
    el("td", { text: one.code }), el("td", { class: "wrap", text: Object.entries(one.names).map(([tag, name]) => t("admin.pair", { name: tag, value: name })).join(" · ") }),
    el("td", { text: t(one.retired ? "admin.causes.retired" : "admin.causes.offered") })));
  return el("section", { class: "report" }, el("div", { class: "head" }, say("h3", "admin.causes.list"), el("span", { class: "gap" }), button("admin.causes.new", () => { location.hash = "causes/new"; }, { look: "filled", shape: "plus" })),
    table(t("admin.causes.list"), ["admin.causes.cause", "admin.causes.code", "admin.causes.names", "admin.causes.state"], rows));
}

async function openLists(place, codes) {
  const figures = counts(codes), open_ = unanswered(codes, () => figures.load());
  const draw = () => place.replaceChildren(el("div", { class: "head" }, say("h2", "admin.section.causes")), say("p", "admin.causes.about", { class: "soft" }), figures.element, open_.element, listCodes(codes));
  draw();
  await Promise.all([figures.load(), open_.load()]);
  return { redraw: () => { draw(); figures.redraw(); open_.redraw(); } };
}
