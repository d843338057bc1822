// Shares as bars. The table beside them says the same in figures.
import { el } from "../shared/dom.js";
import { t } from "../shared/i18n.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 100;
const HEIGHT = 8;

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function bar(row, shareText) {
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "bar-line", "aria-hidden": "true" });
  svg.append(shape("rect", { class: "track", width: WIDTH, height: HEIGHT }), shape("rect", { class: "kept", width: row.due ? (row.met / row.due) * WIDTH : 0, height: HEIGHT }));
  const name = [row.metricName, row.groupName].filter(Boolean).join(" · ");
  return el("li", {}, el("span", { class: "bar-name", text: name }), svg, el("span", { class: "figure", text: shareText(row) }));
}

export function bars(rows, shareText) {
  return el("figure", { class: "bars" }, el("figcaption", { text: t("admin.attainment.bars") }), el("ul", {}, ...rows.map((row) => bar(row, shareText))));
}
