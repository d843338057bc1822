// Agents as routing sees them: the list with skills and load, and one of them in an editor.
import { all, call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { number, t } from "../shared/i18n.js";
import { loadNames, nameById } from "./names.js";
import { field, say } from "./parts.js";
import { table } from "./tables.js";

const MOST = 2000;
const MOST_SHOWN = 200;
const HEADINGS = ["admin.field.agent_id", "admin.field.team_id", "admin.field.skills", "admin.agents.load"];

export async function open(place, [id]) {
  if (id) {
    const [terms, me] = await Promise.all([call("GET", `/v1/agents/${id}/terms`), call("GET", "/v1/me"), loadNames("skill_id")]);
    return (await import("./agent-editor.js")).openEditor(place, terms, me.scopes.includes("agents:write"));
  }
  const [agents, presences] = await Promise.all([all("/v1/agents?limit=100", MOST), call("GET", "/v1/presences"), loadNames("skill_id")]);
  return openList(place, agents.filter((one) => !one.disabled_at && !one.synthetic), new Map(presences.map((one) => [one.agent_id, one])));
}

function openList(place, agents, presences) {
  const search = el("input", { type: "search", autocomplete: "off", maxLength: 100 });
  const shown = el("div", { class: "report" }), more = el("p", { class: "soft", role: "status" });
  const skillWords = ({ skills }) => skills.map((one) => t("admin.agents.skill_at", { name: nameById(one.skill_id), level: one.proficiency })).join(" · ");
  const loadWords = ({ id }) => {
    const known = presences.get(id);
    return known?.capacity_units ? t("admin.queues.of", { ready: number(known.used_units), staffed: number(known.capacity_units) }) : "–";
  };

  function draw() {
    const wanted = search.value.trim().toLowerCase();
    const rows = agents.map((agent) => [agent.name, agent.team_id ? nameById(agent.team_id) : "–", skillWords(agent) || "–", loadWords(agent), agent.id]);
    const found = rows.filter((row) => row.slice(0, 3).join(" ").toLowerCase().includes(wanted));
    shown.replaceChildren(table(t("admin.section.agents"), HEADINGS, found.slice(0, MOST_SHOWN).map(([name, team, skills, load, id]) => el("tr", {},
      el("th", { scope: "row" }, el("a", { href: `#agents/${id}`, text: name })), el("td", { text: team }), el("td", { class: "wrap", text: skills }), el("td", { class: "figure", text: load })))));
    more.textContent = found.length > MOST_SHOWN ? t("admin.members.more", { count: number(found.length - MOST_SHOWN) }) : found.length ? "" : t("admin.members.nobody");
  }

  search.addEventListener("input", draw);
  draw();
  place.replaceChildren(el("div", { class: "head" }, say("h2", "admin.section.agents")), say("p", "admin.agents.about", { class: "soft" }), el("div", { class: "filters" }, field("search", "admin.agents.search", search)), more, shown);
  return { redraw: draw };
}
