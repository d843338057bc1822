// A from and a to in whole days of the reader's zone; the last day is in it.
import { el } from "../shared/dom.js";
import { field } from "./parts.js";
import { Wrong } from "./wrong.js";

const DAYS_BACK = 6;

function iso(date) {
  return date.toLocaleDateString("sv");
}

/** { element, read }: read gives the instants [from, to). */
export function interval() {
  const today = new Date(), before = new Date();
  before.setDate(today.getDate() - DAYS_BACK);
  const from = el("input", { type: "date", value: iso(before), min: "1970-01-01", max: "2200-12-31" }), to = el("input", { type: "date", value: iso(today), min: "1970-01-01", max: "2200-12-31" });
  const read = () => {
    for (const input of [from, to]) if (!input.value) throw new Wrong(input, "admin.wrong.date");
    if (from.value > to.value) throw new Wrong(to, "admin.wrong.interval");
    const start = new Date(`${from.value}T00:00`), end = new Date(`${to.value}T00:00`);
    end.setDate(end.getDate() + 1);
    return [start.toISOString(), end.toISOString()];
  };
  return { element: el("div", { class: "inline" }, field("from", "admin.from", from), field("to", "admin.to", to)), read };
}
