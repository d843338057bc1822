// "Why?" of the clocks: what counted towards a promise and what did not, on a line and as a table, and who promised it.
import { call, explain } from "../shared/api.js";
import { el, setText } from "../shared/dom.js";
import { clockTime, fullMoment, has, moment, span, t } from "../shared/i18n.js";
import { metricName } from "../shared/rest.js";
import { loadMessages } from "./acts.js";
import { showPanel } from "./dialogs.js";
import { state, thread } from "./store.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 600, TOP = 18, BAR = 22, HEIGHT = 74;
const FAMILIES = {
  queue_wait: "queue", first_reply: "reply", next_reply: "reply", periodic_update: "update", pausable_update: "update",
  requester_wait: "resolution", agent_work: "resolution", first_resolution: "resolution", total_resolution: "resolution", group_ownership: "ownership",
  callback_promise: "promise", followup_due: "promise", approval_step: "promise", complaint_ack: "statutory", complaint_decision: "statutory",
};

const at = (time) => Date.parse(time);
/** To the second where the day needs no telling. */
const exact = (time) => (new Date(time).toDateString() === new Date().toDateString() ? clockTime(time) : moment(time));
const lengthOf = ({ start_at, end_at }) => (at(end_at) - at(start_at)) / 1000;

/** What a stretch was, in words. */
function what({ why, status }) {
  if (why !== "paused") return t(`console.why_clock.${why}`);
  return t("console.why_clock.paused", { reason: has(`console.status.${status}`) ? t(`console.status.${status}`) : status });
}

function sentence(clock) {
  const values = {
    metric: metricName(clock), target: span(clock.target_seconds), rest: span(clock.rest_seconds), policy: clock.policy,
    due: clock.due_at ? moment(clock.due_at) : "", over: clock.breached_at ? span((at(clock.stopped_at ?? new Date(state.live.now()).toISOString()) - at(clock.breached_at)) / 1000) : "",
    stopped: clock.stopped_at ? moment(clock.stopped_at) : "", reason: what(clock.segments.at(-1) ?? { why: "counted" }),
  };
  const kind = clock.state === "running" && !clock.due_at ? "never" : clock.state;
  return t(`console.why_clock_said.${kind}`, values);
}

function shape(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function titled(element, text) {
  const title = document.createElementNS(SVG, "title");
  title.textContent = text;
  element.append(title);
  return element;
}

/** From the start to the due time, or as far as the clock has come; what lies ahead is drawn by its face. */
function line(clock, face, messages) {
  const from = at(clock.started_at);
  const reached = clock.segments.length ? at(clock.segments.at(-1).end_at) : from;
  const to = Math.max(reached, clock.due_at ? at(clock.due_at) : 0, from + 1000);
  const x = (time) => ((Math.min(Math.max(time, from), to) - from) / (to - from)) * WIDTH;
  const bar = (start, end, name, text) => titled(shape("rect", { x: x(start), y: TOP, width: Math.max(x(end) - x(start), 0.5), height: BAR, class: `stretch ${name}` }), text);
  const picture = shape("svg", { viewBox: `-8 0 ${WIDTH + 16} ${HEIGHT}`, role: "img", class: "clock-line" });
  const hatch = shape("pattern", { id: "clock-pause", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, shape("rect", { width: 2, height: 6, class: "hatch" }));
  picture.append(shape("defs", {}, hatch), shape("rect", { x: 0, y: TOP, width: WIDTH, height: BAR, class: "ground" }));
  for (const one of clock.segments) if (one.why !== "closed_hours") picture.append(bar(at(one.start_at), at(one.end_at), one.why, `${what(one)} ${span(lengthOf(one))}`));
  const open = face && !clock.stopped_at ? face.spans.filter(([, end]) => at(end) > reached) : [];
  for (const [start, end] of open) picture.append(bar(Math.max(at(start), reached), at(end), "ahead", t("console.why_clock.ahead")));
  if (clock.due_at) picture.append(shape("line", { x1: x(at(clock.due_at)), x2: x(at(clock.due_at)), y1: TOP - 6, y2: TOP + BAR + 6, class: "due" }));
  for (const message of messages) {
    const time = at(message.provider_at ?? message.arrived_at);
    if (time < from || time > to) continue;
    const ours = message.direction === "outbound";
    const points = ours ? [[-4, TOP + BAR + 10], [4, TOP + BAR + 10], [0, TOP + BAR + 3]] : [[-4, TOP - 10], [4, TOP - 10], [0, TOP - 3]];
    picture.append(titled(shape("polygon", { points: points.map(([dx, y]) => `${x(time) + dx},${y}`).join(" "), class: ours ? "ours" : "theirs" }), t(ours ? "console.why_clock.our_message" : "console.why_clock.their_message", { time: clockTime(time) })));
  }
  const label = (place, anchor, text) => { const node = shape("text", { x: place, y: HEIGHT - 6, "text-anchor": anchor }); node.textContent = text; return node; };
  picture.append(label(0, "start", moment(clock.started_at)), label(WIDTH, "end", clock.due_at && at(clock.due_at) === to ? t("console.sla.due", { time: moment(clock.due_at) }) : moment(to)));
  picture.setAttribute("aria-label", t("console.why_clock.line", { metric: metricName(clock), from: moment(clock.started_at), to: moment(to) }));
  return picture;
}

function table(caption, headings, rows, foot = []) {
  const row = ([first, ...others]) => el("tr", {}, el("th", { scope: "row", text: first }), ...others.map((text) => el("td", { text })));
  return el("table", { class: "facts" }, el("caption", { text: caption }),
    el("thead", {}, el("tr", {}, ...headings.map((key) => el("th", { scope: "col", text: t(key) })))),
    el("tbody", {}, ...rows.map(row)), el("tfoot", {}, ...foot.map(row)));
}

function segments(clock) {
  const rows = clock.segments.map((one) => [exact(one.start_at), exact(one.end_at), what(one), span(lengthOf(one))]);
  const counted = clock.segments.filter(({ why }) => why === "counted").reduce((sum, one) => sum + lengthOf(one), 0);
  const foot = [[t("console.why_clock.total"), "", t("console.why_clock.of_target", { target: span(clock.target_seconds) }), span(counted)]];
  return table(t("console.why_clock.segments"), ["console.why_clock.from", "console.why_clock.to", "console.why_clock.what", "console.why_clock.length"], rows, foot);
}

function lost({ lost_by: by }) {
  if (!by) return t("console.why_clock.won");
  if (by === "not_adopted") return t("console.why_clock.not_adopted");
  const [kind, name] = [by.slice(0, by.indexOf(":")), by.slice(by.indexOf(":") + 1)];
  if (kind === "condition") return t("console.why_clock.condition", { condition: has(`console.why_condition.${name}`) ? t(`console.why_condition.${name}`) : name });
  return t("console.why_clock.behind", { policy: name });
}

function policies(clock, candidates) {
  const rows = candidates.filter(({ family }) => family === FAMILIES[clock.metric]).map((one) => [t("console.why_clock.version", { policy: one.policy, version: one.policy_version }), lost(one)]);
  return rows.length ? table(t("console.why_clock.policies"), ["console.why_clock.policy", "console.why_clock.result"], rows) : null;
}

function textOf(place) {
  const rows = [...place.querySelectorAll("caption, tr")].map((row) => (row.tagName === "CAPTION" ? `\n${row.textContent}` : [...row.children].map((cell) => cell.textContent).join("\t")));
  return [place.querySelector(".said").textContent, place.querySelector(".terms").textContent, ...rows].join("\n");
}

function copyButton(place) {
  const button = el("button", { class: "button", type: "button", text: t("console.why_clock.copy"), onclick: async () => {
    try {
      await navigator.clipboard.writeText(textOf(place));
      setText(button, t("console.why_clock.copied"));
    } catch {
      // On plain http browsers withhold the clipboard: what is selected can be copied by hand.
      getSelection().selectAllChildren(place);
      setText(button, t("console.why_clock.selected"));
    }
  } });
  return button;
}

function content(clock, { answer, faces, messages, choose }) {
  const place = el("div", { class: "why" });
  const names = answer.clocks.map((one) => el("option", { value: one.clock_id, selected: one === clock, text: t("console.sla.numbered", { metric: metricName(one), number: one.seq }) }));
  const select = el("select", { class: "plain", "aria-label": t("console.sla.title"), onchange: () => choose(select.value) }, ...names);
  place.append(el("p", { class: "said", text: sentence(clock) }),
    el("p", { class: "soft terms", text: t("console.why_clock.terms", { policy: clock.policy, version: clock.policy_version, target: span(clock.target_seconds), time: fullMoment(answer.as_of) }) }),
    line(clock, faces.find((face) => face.clock_id === clock.clock_id), messages), el("p", { class: "soft", text: t("console.why_clock.legend") }), segments(clock));
  const why = policies(clock, answer.policies);
  if (why) place.append(why);
  const parts = [place, el("div", { class: "actions" }, copyButton(place))];
  return names.length > 1 ? [select, ...parts] : parts;
}

/** The clock asked for, else the one that needs somebody most. */
function chosen(answer, faces, clockId) {
  const wanted = clockId ?? faces[0]?.clock_id;
  return answer.clocks.find((clock) => clock.clock_id === wanted) ?? answer.clocks[0];
}

export async function showWhyClocks(conversationId, opener, clockId) {
  const place = el("div", { class: "why why-clocks", "aria-live": "polite" }, el("p", { text: t("common.loading") }));
  showPanel(t("console.why_clock.title"), place, opener);
  try {
    const base = `/v1/sla/conversations/${conversationId}`;
    const [answer, faces] = await Promise.all([call("GET", `${base}/clocks`), call("GET", `${base}/faces`), thread(conversationId).loaded || loadMessages(conversationId)]);
    const messages = thread(conversationId).messages.filter(({ visibility }) => visibility === "public");
    const show = (id) => {
      const clock = chosen(answer, faces, id);
      place.replaceChildren(...(clock ? content(clock, { answer, faces, messages, choose: show }) : [el("p", { class: "said", text: t("console.why_clock.nothing") })]));
    };
    show(clockId);
  } catch (problem) {
    place.replaceChildren(el("p", { class: "error", text: explain(problem) }));
  }
}
