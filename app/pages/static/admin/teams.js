// Who leads each team: breaches and ladders go to the lead.
import { all, call, explain } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { choices, loadNames, nameById } from "./names.js";
import { say } from "./parts.js";
import { table } from "./tables.js";

export async function open(place) {
  const [me, teams] = await Promise.all([call("GET", "/v1/me"), all("/v1/teams"), loadNames()]);
  const mayChange = me.scopes.includes("agents:write");
  const status = el("p", { class: "soft", role: "status" }), trouble = el("p", { class: "error", role: "alert" });

  async function lead(team, select) {
    status.textContent = trouble.textContent = "";
    try {
      Object.assign(team, await call("PATCH", `/v1/teams/${team.id}`, { lead_id: select.value || null }));
      status.textContent = t("admin.teams.changed", { team: team.name });
    } catch (problem) {
      select.value = team.lead_id ?? "";
      trouble.textContent = explain(problem);
    }
  }

  function leadCell(team) {
    if (!mayChange) return el("td", { text: team.lead_id ? nameById(team.lead_id) : t("admin.teams.no_lead") });
    const select = el("select", { "aria-label": t("admin.teams.lead_of", { team: team.name }), onchange: () => lead(team, select) },
      el("option", { value: "", text: t("admin.teams.no_lead") }), ...choices("agent_id").map(([value, text]) => el("option", { value, text })));
    select.value = team.lead_id ?? "";
    return el("td", {}, select);
  }

  const draw = () => place.replaceChildren(el("div", { class: "head" }, say("h2", "admin.section.teams")), say("p", "admin.teams.about", { class: "soft" }),
    ...(mayChange ? [] : [say("p", "admin.teams.admins_only")]), status, trouble,
    table(t("admin.section.teams"), ["admin.field.team_id", "admin.field.lead"], teams.map((team) => el("tr", {}, el("th", { scope: "row", text: team.name }), leadCell(team)))));
  draw();
  return { redraw: draw };
}
