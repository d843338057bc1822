// The days that a calendar makes, saved or not: a month or a year, which days are open, and why.
import { call, explain } from "../shared/api.js";
import { el, setText } from "../shared/dom.js";
import { has, language, t } from "../shared/i18n.js";
import { button, iconButton, say } from "./parts.js";

const DEBOUNCE_MS = 300;
const MONTHS = 12;
const MARKS = new Set(["make_up_day", "holiday", "open_date", "closed_date"]);

function format(iso, options) {
  return new Intl.DateTimeFormat(language, { timeZone: "UTC", ...options }).format(new Date(`${iso}T00:00:00Z`));
}

function monthName(year, month, options = { year: "numeric", month: "long" }) {
  return format(`${year}-${String(month + 1).padStart(2, "0")}-01`, options);
}

/** One of: open, closed, holiday, make_up, own_open, own_closed. */
function look({ why, spans }) {
  if (why === "make_up_day") return spans.length ? "make_up" : "closed";
  return { holiday: "holiday", open_date: "own_open", closed_date: "own_closed" }[why] ?? (spans.length ? "open" : "closed");
}

/** China's holidays come under English names. */
function holidayName({ holiday }) {
  const key = `admin.holiday.${(holiday ?? "").toLowerCase().replaceAll(/[^a-z]+/g, "_")}`;
  return has(key) ? t(key) : holiday;
}

function sentence(day) {
  const hours = day.spans.length ? day.spans.join(", ") : t("admin.preview.closed");
  return [t(`admin.preview.why.${day.why}`), holidayName(day), hours].filter(Boolean).join(" · ");
}

function cell(day, today) {
  const kind = look(day);
  const mark = MARKS.has(day.why) ? el("small", { text: t(`admin.preview.mark.${kind}`), "aria-hidden": "true" }) : null;
  const label = `${format(day.date, { day: "numeric", month: "long", weekday: "long" })}: ${sentence(day)}`;
  return el("td", { class: `day ${kind}`, title: label, ...(day.date === today ? { "aria-current": "date" } : {}) },
    el("span", { "aria-hidden": "true", text: String(Number(day.date.slice(8))) }), mark, el("span", { class: "unseen", text: label }));
}

function monthTable(days, year, month, small) {
  const inMonth = days.filter((day) => Number(day.date.slice(5, 7)) === month + 1);
  const lead = (new Date(Date.UTC(year, month, 1)).getUTCDay() + 6) % 7;
  const cells = [...Array.from({ length: lead }, () => el("td")), ...inMonth.map((day) => cell(day, new Date().toLocaleDateString("sv")))];
  const weeks = [];
  while (cells.length) weeks.push(el("tr", {}, ...cells.splice(0, 7)));
  const names = Array.from({ length: 7 }, (_, index) => format(`2024-01-0${index + 1}`, { weekday: small ? "narrow" : "short" }));
  return el("table", { class: small ? "month small" : "month" },
    el("caption", { text: monthName(year, month, small ? { month: "long" } : undefined) }),
    el("thead", {}, el("tr", {}, ...names.map((name) => el("th", { scope: "col", text: name })))), el("tbody", {}, ...weeks));
}

function specials(days) {
  const found = days.filter((day) => day.why !== "week");
  if (!found.length) return say("p", "admin.preview.no_specials", { class: "soft" });
  return el("ul", { class: "specials" }, ...found.map((day) => el("li", {},
    el("b", { class: "figure", text: format(day.date, { day: "numeric", month: "short", weekday: "short" }) }), el("span", { class: `chip ${look(day)}`, text: t(`admin.preview.why.${day.why}`) }),
    el("span", { text: [holidayName(day), day.spans.length ? day.spans.join(", ") : ""].filter(Boolean).join(" · ") }))));
}

/** `read` gives the spec as it stands in the form; it throws while the form cannot be read. */
export class Preview {
  constructor(read) {
    const now = new Date();
    Object.assign(this, { read, year: now.getFullYear(), month: now.getMonth(), whole: false, answer: null, timer: 0, asked: 0 });
    this.title = el("b", { class: "figure", role: "status" });
    this.note = el("p", { class: "soft", role: "status" });
    this.days = el("div", { class: "days" });
    this.mode = button("admin.preview.year", () => { this.whole = !this.whole; this.draw(); });
    this.element = el("section", { class: "preview" },
      el("div", { class: "head" }, say("h3", "admin.preview.title"), el("span", { class: "gap" }), this.mode),
      el("div", { class: "head" }, iconButton("back", "admin.preview.before", () => this.move(-1)), this.title, iconButton("forward", "admin.preview.after", () => this.move(1))),
      this.note, this.days);
    this.load();
  }

  move(step) {
    const month = this.whole ? this.month : this.month + step;
    const year = this.year + (this.whole ? step : Math.floor(month / MONTHS));
    this.month = (month + MONTHS) % MONTHS;
    const other = year !== this.year;
    this.year = year;
    if (other) this.load(); else this.draw();
  }

  later() {
    clearTimeout(this.timer);
    this.element.classList.add("old");
    this.timer = setTimeout(() => this.load(), DEBOUNCE_MS);
  }

  async load() {
    const number = ++this.asked;
    try {
      const answer = await call("POST", "/v1/sla/calendars/preview", { spec: this.read(), from: `${this.year}-01-01`, to: `${this.year}-12-31` });
      if (number !== this.asked) return;
      this.answer = answer;
      this.problem = null;
    } catch (problem) {
      if (number !== this.asked) return;
      this.problem = problem;
    }
    this.draw();
  }

  draw() {
    const { answer, year, month } = this;
    this.element.classList.toggle("old", Boolean(this.problem));
    setText(this.title, this.whole ? String(year) : monthName(year, month));
    this.mode.setAttribute("aria-pressed", String(this.whole));
    const unknown = answer?.unknown_years ?? [];
    const unreadable = this.problem && (!this.problem.document || this.problem.status === 422);
    setText(this.note, this.problem ? (unreadable ? t("admin.preview.unreadable") : explain(this.problem)) : unknown.length ? t("admin.preview.unknown", { years: unknown.join(", ") }) : "");
    if (!answer || !answer.days[0].date.startsWith(String(year))) return;
    const months = this.whole ? Array.from({ length: MONTHS }, (_, index) => index) : [month];
    const shown = this.whole ? answer.days : answer.days.filter((day) => Number(day.date.slice(5, 7)) === month + 1);
    this.days.replaceChildren(el("div", { class: this.whole ? "months" : "" }, ...months.map((each) => monthTable(answer.days, year, each, this.whole))), specials(shown));
  }
}
