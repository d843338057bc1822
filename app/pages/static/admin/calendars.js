// Business calendars: the list, and one of them in its editor beside the days it makes.
import { all, call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { moment, t } from "../shared/i18n.js";
import { button, say } from "./parts.js";

const FRESH = {
  name: "", version: null,
  spec: { timezone: Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC", weekly: Object.fromEntries(["mon", "tue", "wed", "thu", "fri"].map((day) => [day, ["09:00-18:00"]])), closed: [], open: {}, country: null, region: null },
};

export async function open(place, [id]) {
  const calendars = await all("/v1/sla/calendars");
  if (!id) return openList(place, calendars);
  const calendar = id === "new" ? FRESH : calendars.find((one) => one.id === id);
  if (!calendar) { location.hash = "calendars"; return null; }
  const [{ openEditor }, countries] = await Promise.all([import("./calendar-editor.js"), call("GET", "/v1/sla/countries")]);
  return openEditor(place, calendar, countries);
}

function openList(place, calendars) {
  const draw = () => {
    const rows = calendars.map((calendar) => el("tr", {},
      el("th", { scope: "row" }, el("a", { href: `#calendars/${calendar.id}`, text: calendar.name })),
      el("td", { text: calendar.spec.timezone }),
      el("td", { text: calendar.spec.country ? countryName(calendar.spec.country) : "–" }),
      el("td", { class: "figure", text: t("admin.version", { version: calendar.version, at: moment(calendar.effective_at) }) })));
    place.replaceChildren(
      el("div", { class: "head" }, say("h2", "admin.section.calendars"), el("span", { class: "gap" }),
        button("admin.calendar.new", () => { location.hash = "calendars/new"; }, { look: "filled", shape: "plus" })),
      say("p", "admin.calendar.about", { class: "soft" }),
      el("div", { class: "table", tabIndex: 0, role: "region", "aria-label": t("admin.section.calendars") }, el("table", {},
        el("thead", {}, el("tr", {}, ...["name", "timezone", "country", "version"].map((name) => say("th", `admin.calendar.${name}`, { scope: "col" })))),
        el("tbody", {}, ...rows))));
  };
  draw();
  return { redraw: draw };
}

export function countryName(code) {
  try { return new Intl.DisplayNames(document.documentElement.lang, { type: "region" }).of(code) ?? code; } catch { return code; }
}
