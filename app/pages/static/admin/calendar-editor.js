// Makes or edits a calendar; what the days become is seen before it is saved.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { calendarForm } from "./calendar-form.js";
import { Preview } from "./calendar-preview.js";
import { editor } from "./editor.js";

export function openEditor(place, calendar, countries) {
  const form = calendarForm(calendar, countries);
  const preview = new Preview(form.readSpec);
  const shell = editor(place, {
    thing: calendar,
    fresh: "admin.calendar.new",
    back: "admin.calendar.back",
    list: "calendars",
    path: "/v1/sla/calendars",
    read: () => ({ name: form.readName(), spec: form.readSpec() }),
    documentOf: ({ name, spec }) => ({ name, spec }),
    reopen: (fresh) => openEditor(place, fresh, countries),
    find: async () => (await call("GET", "/v1/sla/calendars?limit=100")).items.find((one) => one.id === calendar.id),
  }, form.element, preview.element);
  form.element.addEventListener("input", () => preview.later());
  return { redraw: () => { shell.redraw(); form.redraw(); preview.draw(); } };
}
