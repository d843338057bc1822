// The form of a calendar: zone, weekly spans, own dates, and the country whose holidays count.
import { el } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { countryName } from "./calendars.js";
import { button, changed, field, group, listOf, say } from "./parts.js";
import { Wrong } from "./wrong.js";

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const WORKDAYS = DAYS.slice(0, 5);
const SPANS_MOST = 24;
const DATES_MOST = 5000;

/** "9:00", "900" and "9.00" are taken for 09:00. */
function asTime(text) {
  const match = /^(\d{1,2})[:.：]?(\d{2})$/.exec(text.trim());
  return match ? `${match[1].padStart(2, "0")}:${match[2]}` : text.trim();
}

function spanRow(text) {
  const [from, to] = text.split("-");
  const time = (value, key) => el("input", { class: "time", value: value ?? "", inputMode: "numeric", autocomplete: "off", placeholder: "09:00", "aria-label": t(key), data: { tLabel: key }, onchange: (event) => { event.target.value = asTime(event.target.value); } });
  const opens = time(from, "admin.calendar.opens"), closes = time(to, "admin.calendar.closes");
  const overnight = say("span", "admin.calendar.next_day", { class: "soft" });
  const look = () => { overnight.hidden = !(asTime(closes.value) && asTime(closes.value) <= asTime(opens.value)); };
  const row = el("span", { class: "span", oninput: look }, opens, el("span", { text: "–", "aria-hidden": "true" }), closes, overnight);
  look();
  return { element: row, read: () => `${asTime(opens.value)}-${asTime(closes.value)}` };
}

function spans(texts) {
  return listOf(texts, spanRow, { add: "admin.calendar.add_span", remove: "admin.calendar.remove_span", fresh: () => "", most: SPANS_MOST });
}

function weekly(week) {
  const lists = Object.fromEntries(DAYS.map((day) => [day, spans(week[day] ?? [])]));
  const put = (days, texts) => {
    for (const day of days) {
      lists[day].clear();
      texts.forEach(lists[day].append);
    }
    changed(element);
  };
  const element = group("weekly", "admin.calendar.weekly",
    el("div", { class: "actions start" },
      button("admin.calendar.like_monday", () => put(WORKDAYS.slice(1), lists.mon.read()), { edits: true }),
      button("admin.calendar.all_day", () => put(DAYS, ["00:00-24:00"]), { edits: true })),
    ...DAYS.map((day) => el("div", { class: "weekday", role: "group", "aria-label": t(`admin.day.${day}`), data: { part: day, tLabel: `admin.day.${day}` } }, say("b", `admin.day.${day}`), lists[day].element)));
  return { element, read: () => Object.fromEntries(DAYS.map((day) => [day, lists[day].read()])) };
}

function dateInput(value) {
  return el("input", { type: "date", value, min: "1970-01-01", max: "2200-12-31", "aria-label": t("admin.calendar.date"), data: { tLabel: "admin.calendar.date" } });
}

function readDate(input) {
  if (!input.value) throw new Wrong(input, "admin.wrong.date");
  return input.value;
}

function closedDates(dates) {
  const list = listOf(dates, (value) => { const input = dateInput(value); return { element: input, read: () => readDate(input) }; },
    { add: "admin.calendar.add_date", remove: "admin.calendar.remove_date", fresh: () => "", most: DATES_MOST });
  return { element: group("closed", "admin.calendar.closed", list.element), read: list.read };
}

function openDates(dates) {
  const list = listOf(Object.entries(dates), ([day, texts]) => {
    const input = dateInput(day), hours = spans(texts);
    const element = el("div", { class: "open-date" }, input, hours.element);
    // The API names the part by its date.
    const name = () => { element.dataset.part = input.value; };
    input.addEventListener("input", name);
    name();
    return { element, read: () => [readDate(input), hours.read(), input] };
  }, { add: "admin.calendar.add_date", remove: "admin.calendar.remove_date", fresh: () => ["", ["09:00-18:00"]], most: DATES_MOST });
  const read = () => {
    const found = {};
    for (const [day, texts, input] of list.read()) {
      if (day in found) throw new Wrong(input, "admin.wrong.date_twice");
      found[day] = texts;
    }
    return found;
  };
  return { element: group("open", "admin.calendar.open", list.element), read };
}

function holidays(spec, countries) {
  const country = el("select"), region = el("select");
  const regionField = field("region", "admin.calendar.region", region);
  const drawRegions = () => {
    const regions = countries.find((one) => one.code === country.value)?.regions ?? [];
    regionField.hidden = !regions.length;
    region.replaceChildren(el("option", { value: "", text: t("admin.calendar.no_region") }), ...regions.map((code) => el("option", { value: code, text: code })));
  };
  const draw = () => {
    const [chosen, part] = [country.value, region.value];
    const named = countries.map(({ code }) => [code, countryName(code)]).sort((one, other) => one[1].localeCompare(other[1], document.documentElement.lang));
    country.replaceChildren(el("option", { value: "", text: t("admin.calendar.no_country") }), ...named.map(([code, name]) => el("option", { value: code, text: `${name} (${code})` })));
    country.value = chosen;
    drawRegions();
    region.value = part;
  };
  country.addEventListener("input", drawRegions);
  draw();
  country.value = spec.country ?? "";
  drawRegions();
  region.value = spec.region ?? "";
  const element = el("div", { class: "pair" }, field("country", "admin.calendar.holidays", country), regionField);
  return { element, draw, read: () => ({ country: country.value || null, region: country.value && region.value ? region.value : null }) };
}

function zoneField(zone) {
  const zones = el("datalist", { id: "zones" }, ...Intl.supportedValuesOf("timeZone").map((name) => el("option", { value: name })));
  const input = el("input", { value: zone, list: "zones", autocomplete: "off", spellcheck: false, required: true });
  return { element: el("div", {}, field("timezone", "admin.calendar.timezone", input), zones), read: () => input.value.trim() };
}

/** { element, readSpec, readName, redraw } */
export function calendarForm({ name, spec }, countries) {
  const title = el("input", { value: name, maxLength: 120, autocomplete: "off", autofocus: !name });
  const zone = zoneField(spec.timezone), country = holidays(spec, countries), week = weekly(spec.weekly);
  const closed = closedDates(spec.closed), opened = openDates(spec.open);
  const element = el("div", { class: "form-body" }, field("name", "admin.calendar.name", title),
    el("div", { class: "form-body", data: { part: "spec" } }, zone.element, country.element, week.element, closed.element, opened.element));
  return {
    element,
    readName: () => title.value.trim(),
    readSpec: () => ({ timezone: zone.read(), weekly: week.read(), closed: closed.read(), open: opened.read(), ...country.read() }),
    redraw: country.draw,
  };
}
