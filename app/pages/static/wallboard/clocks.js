// The lists behind the figures about service times: each has as many rows as the figure counts.
import { all, call, explain } from "../shared/api.js";
import { el, icon } from "../shared/dom.js";
import { moment, nameOf, number, percent, t } from "../shared/i18n.js";
import { drawChip, metricName, restOf, restText } from "../shared/rest.js";

const ROWS_MOST = 1000;
function show(title, opener) {
  const heading = el("h2", { id: "list-title", text: title });
  const place = el("div", { class: "list", "aria-live": "polite" }, el("p", { text: t("common.loading") }));
  const dialog = el("dialog", { "aria-labelledby": "list-title" }, heading, place, el("div", { class: "actions" }, el("button", { class: "button", type: "button", text: t("common.close"), onclick: () => dialog.close() })));
  dialog.addEventListener("close", () => { dialog.remove(); opener?.focus(); });
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, heading, place };
}

function table(headings, rows) {
  return el("div", { class: "table", tabIndex: 0, "aria-labelledby": "list-title" }, el("table", {}, el("thead", {}, el("tr", {}, ...headings.map((key) => el("th", { scope: "col", text: t(key) })))), el("tbody", {}, ...rows)));
}

function rowOf({ clock, conversation, due_at: due }) {
  const chip = el("span", { class: "chip" }, icon("clock", true), el("span", { class: "figure" }));
  const name = conversation.customer.name || t("wallboard.visitor", { number: conversation.number });
  const row = el("tr", {}, el("th", { scope: "row" }, el("a", { href: `/console#all/${conversation.id}`, text: name })),
    el("td", { class: "start", text: clock ? metricName(clock) : "–" }), el("td", {}, chip), el("td", { text: moment(due) }),
    el("td", { class: "start", text: conversation.owner?.name ?? t("wallboard.nobody") }), el("td", { class: "start", text: conversation.queue ? nameOf(conversation.queue) : "–" }));
  row.tick = (now) => {
    if (!clock) return;
    const { look } = restOf(clock, now);
    drawChip(chip, clock, now, restText(restOf(clock, now)));
    chip.className = `chip ${look === "bad" ? "bad" : "warn"}`;
    chip.hidden = false;
  };
  return row;
}

/** `standing`: due_soon or breached; of one queue, or of all. */
export async function showPressing(standing, queue, now, opener) {
  const { dialog, heading, place } = show(t(`wallboard.list.${standing}`), opener);
  try {
    const items = await all(`/v1/workspace/clocks?standing=${standing}&limit=100${queue ? `&queue_id=${queue.id}` : ""}`, ROWS_MOST);
    const title = queue ? t(`wallboard.list.${standing}_in`, { queue: nameOf(queue) }) : t(`wallboard.list.${standing}`);
    heading.textContent = t("wallboard.list.counted", { title, number: number(items.length) });
    if (!items.length) return place.replaceChildren(el("p", { text: t("wallboard.list.none") }));
    const rows = items.map(rowOf);
    const tick = () => rows.forEach((row) => row.tick(now()));
    tick();
    place.replaceChildren(table(["wallboard.customer", "wallboard.clock", "wallboard.rest", "wallboard.due", "wallboard.owner", "wallboard.queue"], rows));
    const timer = setInterval(tick, 1000);
    dialog.addEventListener("close", () => clearInterval(timer));
  } catch (problem) {
    place.replaceChildren(el("p", { class: "error", text: explain(problem) }));
  }
}

/** The parts that the share of the day is made of. */
export async function showKept(figures, opener) {
  const { place } = show(t("wallboard.list.kept", { time: moment(figures.since) }), opener);
  try {
    const query = new URLSearchParams({ due_from: figures.since, due_to: figures.until, by: "metric" });
    const { lines } = await call("GET", `/v1/sla/attainment?${query}`);
    if (!lines.length) return place.replaceChildren(el("p", { text: t("wallboard.list.none") }));
    const rows = lines.map((one) => el("tr", {}, el("th", { scope: "row", text: metricName(one) }), ...[percent(one.met, one.due), number(one.met), number(one.due)].map((text) => el("td", { text }))));
    place.replaceChildren(table(["wallboard.clock", "wallboard.share", "wallboard.met", "wallboard.was_due"], rows));
  } catch (problem) {
    place.replaceChildren(el("p", { class: "error", text: explain(problem) }));
  }
}
