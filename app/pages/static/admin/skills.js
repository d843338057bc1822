// Skills: the list, and one of them with its names, who has it and what asks for it.
import { all, call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { button, say } from "./parts.js";
import { table } from "./tables.js";

const PATH = "/v1/skills";
const HEADINGS = ["admin.policy.name", "admin.field.names"];

export async function open(place, [id]) {
  const me = await call("GET", "/v1/me");
  const mayChange = me.scopes.includes("agents:write");
  const skills = await all(`${PATH}?limit=100`, 2000);
  if (!id) return openList(place, skills, mayChange);
  const skill = id === "new" ? { name: "", names: {} } : skills.find((one) => one.id === id);
  if (!skill || (id === "new" && !mayChange)) { location.hash = "skills"; return null; }
  return (await import("./skill-editor.js")).openEditor(place, skill, mayChange);
}

function openList(place, skills, mayChange) {
  const draw = () => {
    const rows = skills.map((skill) => el("tr", {}, el("th", { scope: "row" }, el("a", { href: `#skills/${skill.id}`, text: skill.name })),
      el("td", { class: "wrap", text: Object.entries(skill.names).map(([name, value]) => t("admin.pair", { name, value })).join(" · ") || "–" })));
    place.replaceChildren(
      el("div", { class: "head" }, say("h2", "admin.section.skills"), el("span", { class: "gap" }), ...(mayChange ? [button("admin.skills.new", () => { location.hash = "skills/new"; }, { look: "filled", shape: "plus" })] : [])),
      say("p", "admin.skills.about", { class: "soft" }), ...(mayChange ? [] : [say("p", "admin.skills.admins_only")]),
      rows.length ? table(t("admin.section.skills"), HEADINGS, rows) : el("div", { class: "empty" }, say("p", "admin.skills.none")));
  };
  draw();
  return { redraw: draw };
}
