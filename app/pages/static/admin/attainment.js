// Promises kept, by the interval in which they were due: numerator, denominator and share, as bars and as a table.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { language, number, t } from "../shared/i18n.js";
import { bars } from "./bars.js";
import { download } from "./csv.js";
import { interval } from "./interval.js";
import { choices, loadNames, word } from "./names.js";
import { button, failure, field, say } from "./parts.js";
import { clearWrong, tellAt, Wrong } from "./wrong.js";

const GROUPS = ["channel", "queue", "team", "policy", "metric"];

function groupName(by, id) {
  if (by === "metric") return "";
  if (id === null) return t("admin.attainment.none");
  const names = by === "queue" || by === "team" ? new Map(choices(`${by}_id`)) : null;
  return names ? names.get(id) ?? t("admin.gone") : by === "channel" ? word(`admin.channel.${id}`) : id;
}

/** Of nothing due no share is known: a dash, never 0 % and never 100 %. */
export function shareText(line) {
  return line.due ? new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 }).format(line.met / line.due) : "–";
}

function total(lines) {
  return lines.reduce((sum, line) => ({ due: sum.due + line.due, met: sum.met + line.met }), { due: 0, met: 0 });
}

export async function open(place) {
  await loadNames();
  const dates = interval();
  const by = el("select", {}, ...GROUPS.map((name) => el("option", { value: name, data: { t: `admin.by.${name}` }, text: t(`admin.by.${name}`) })));
  const out = el("div", { class: "report" });
  const form = el("form", { class: "filters", noValidate: true, data: { part: "" }, onsubmit: (event) => { event.preventDefault(); load(); } },
    dates.element, field("by", "admin.attainment.by", by), button("admin.attainment.show", null, { look: "filled", type: "submit" }));
  let report = null;

  async function load() {
    clearWrong(form);
    try {
      const [from, to] = dates.read();
      report = await call("GET", `/v1/sla/attainment?due_from=${encodeURIComponent(from)}&due_to=${encodeURIComponent(to)}&by=${by.value}`);
      draw();
    } catch (problem) {
      if (problem instanceof Wrong) tellAt(problem.place, t(problem.key)).focus();
      else out.replaceChildren(failure(problem, load));
    }
  }

  function rowsOf(lines) {
    return lines.map((line) => ({ ...line, metricName: word(`admin.metric.${line.metric}`), groupName: groupName(report.by, line.group) }));
  }

  function save() {
    const heads = ["admin.field.metric", "admin.attainment.group", "admin.attainment.met", "admin.attainment.due", "admin.attainment.share"].map((key) => t(key));
    const lines = rowsOf(report.lines).map((line) => [line.metricName, line.groupName, line.met, line.due, line.share ?? ""]);
    download(`attainment-${report.due_from.slice(0, 10)}-${report.by}.csv`, [heads, ...lines]);
  }

  function draw() {
    if (!report) return;
    const rows = rowsOf(report.lines), all = total(rows);
    const figures = ({ met, due }) => [el("td", { class: "figure", text: number(met) }), el("td", { class: "figure", text: number(due) }), el("td", { class: "figure", text: shareText({ met, due }) })];
    out.replaceChildren(
      el("div", { class: "tile" }, say("span", "admin.attainment.kept"), el("b", { class: "figure", text: shareText(all) }), el("span", { class: "soft figure", text: t("admin.attainment.of", { met: number(all.met), due: number(all.due) }) })),
      rows.length ? bars(rows, shareText) : say("p", "admin.attainment.empty", { class: "empty" }),
      el("div", { class: "table", tabIndex: 0, role: "region", "aria-label": t("admin.section.attainment"), hidden: !rows.length }, el("table", {},
        el("thead", {}, el("tr", {}, say("th", "admin.field.metric", { scope: "col" }), say("th", "admin.attainment.group", { scope: "col" }), ...["met", "due", "share"].map((name) => say("th", `admin.attainment.${name}`, { scope: "col", class: "figure" })))),
        el("tbody", {}, ...rows.map((row) => el("tr", {}, el("th", { scope: "row", text: row.metricName }), el("td", { text: row.groupName || "–" }), ...figures(row)))))),
      rows.length ? el("div", { class: "actions start" }, button("admin.attainment.csv", save)) : "");
  }

  place.replaceChildren(el("div", { class: "head" }, say("h2", "admin.section.attainment")), say("p", "admin.attainment.about", { class: "soft" }), form, out);
  await load();
  return { redraw: draw };
}
