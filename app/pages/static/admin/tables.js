// Tables of the sections that list what people have to do: a head, rows, and more rows page by page.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { fullMoment, moment, t } from "../shared/i18n.js";
import { button, failure, say } from "./parts.js";

/** Heads stand over their figures as the cells of the first row do. */
export function table(label, headings, rows) {
  const looks = (index) => (index && rows[0]?.cells[index]?.classList.contains("figure") ? "figure" : "");
  return el("div", { class: "table", tabIndex: 0, role: "region", "aria-label": label }, el("table", {},
    el("thead", {}, el("tr", {}, ...headings.map((key, index) => say("th", key, { scope: "col", class: looks(index) })))), el("tbody", {}, ...rows)));
}

export function time(at) {
  return el("time", { dateTime: at, title: fullMoment(at), text: moment(at) });
}

/** The way to a conversation, on the console. */
export function conversationLink(id) {
  return el("a", { href: `/console#all/${id}`, target: "_blank", rel: "noopener", text: t("admin.conversation") });
}

/**
 * A list of the API that is read page by page. `draw(items)` gives what shows them. { element, load, redraw }: load asks
 * anew for `path()`; what was asked for before and comes late is not shown.
 */
export function pages(path, draw) {
  const shown = el("div"), more = el("div", { class: "actions start" });
  const element = el("div", { class: "report" }, shown, more);
  let items = [], cursor = null, asked = 0;
  const redraw = () => shown.replaceChildren(draw(items));
  async function next() {
    const turn = ++asked;
    const from = path();
    try {
      const page = await call("GET", cursor ? `${from}${from.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}` : from);
      if (turn !== asked) return;
      items = [...items, ...page.items];
      cursor = page.next_cursor;
      redraw();
      more.replaceChildren(...(cursor ? [button("admin.more", next)] : []));
    } catch (problem) {
      if (turn === asked) more.replaceChildren(failure(problem, next));
    }
  }
  const load = () => {
    [items, cursor] = [[], null];
    return next();
  };
  return { element, load, redraw };
}
