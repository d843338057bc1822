// The wallboard: figures pushed by the server once a second, waits that tick between, and honesty when they are old.
import { call, explain } from "../shared/api.js";
import { el, icon, reconcile, set, setIcon, setText } from "../shared/dom.js";
import { chosenLanguage, clockTime, load, nameOf, number, percent, span, t, has } from "../shared/i18n.js";
import { languageSwitch, signIn, wasSignedIn } from "../shared/sign-in.js";
import { Live, startWorker } from "../shared/socket.js";
import { FORMULAS, HeldOrder, inLine, levelOf, levelOfAll, longestSeconds, presenceWord, queueState, slowest, Steady, totals } from "./board.js";

const base = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const STALE_MS = 10000;
const BANNER_MS = 60000;
const HOLD_MS = 10000;
const STATE_ICONS = { ok: "done", warn: "clock", bad: "failed" };
const PRESENCE_ICONS = { ready: "ready", not_ready: "pause", not_responding: "failed", offline: "offline" };
const QUEUE_COLUMNS = ["queue", "state", "waiting", "longest", "eta", "service_level", "p95", "max", "abandoned", "ready_staffed", "busy", "load", "due_soon", "breached"];
const AGENT_COLUMNS = ["agent", "state", "in_state", "conversations", "load", "connection"];
const root = document.querySelector("#root");
const steady = new Steady(HOLD_MS);
const order = new HeldOrder(() => view.agents.element.matches(":hover, :focus-within"));
const CHOICE = "switchboard.service_level";
let live, board, boardAt, view;
let formula = FORMULAS.find((name) => name === localStorage.getItem(CHOICE)) ?? FORMULAS[0];

async function start() {
  document.body.dataset.assets = base;
  const theme = localStorage.getItem("switchboard.theme") ?? "auto";
  if (theme !== "auto") document.documentElement.dataset.theme = theme;
  const language = chosenLanguage();
  await load(base, "wallboard", language);
  document.documentElement.lang = language;
  if (!wasSignedIn()) await signIn(root, base, "wallboard");
  await identify();
  build();
  connect();
}

async function identify(note = "") {
  for (;;) {
    try { return await call("GET", "/v1/me"); } catch (problem) {
      if (problem.status !== 401) note = explain(problem);
      await signIn(root, base, "wallboard", note);
    }
  }
}

function connect() {
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/socket`;
  live = new Live({ url, board: true, worker: startWorker(`${base}/shared/ping-worker.js`) });
  live.addEventListener("board", ({ detail }) => {
    board = detail;
    boardAt = Date.now();
    draw();
  });
  live.addEventListener("state", () => {
    if (live.state === "ended") location.reload();
    draw();
  });
  live.open();
  setInterval(draw, 1000);
}

function table(columns) {
  const body = el("tbody");
  const headings = columns.map((name) => el("th", { scope: "col", data: { name } }));
  return { element: el("div", { class: "table", tabIndex: 0 }, el("table", {}, el("thead", {}, el("tr", {}, ...headings)), body)), body, headings };
}

/** Which of the formulas the figures follow; chosen for this browser. */
function formulaSwitch() {
  const choice = el("select", { onchange: () => { formula = choice.value; localStorage.setItem(CHOICE, formula); draw(); } }, ...FORMULAS.map((name) => el("option", { value: name })));
  choice.value = formula;
  return choice;
}

/** A figure that opens the list it counts is a button. */
function tile([name, open]) {
  const figure = el("b", { class: "figure" });
  const label = el("span");
  const note = el("span", { class: "note" });
  const box = el(open ? "button" : "div", open ? { class: "tile", type: "button", onclick: () => board && open(box) } : { class: "tile" }, label, figure, note);
  return { box, figure, label, note, name };
}

async function openPressing(standing, queue, opener) {
  (await import("./clocks.js")).showPressing(standing, queue, () => live.now(), opener);
}

async function openKept(opener) {
  (await import("./clocks.js")).showKept(board.sla, opener);
}

const TILES = [
  ["waiting"], ["longest"], ["eta"], ["service_level"], ["ready_agents"], ["talking"], ["sla_attainment", openKept],
  ["due_soon", (opener) => openPressing("due_soon", null, opener)], ["breached_open", (opener) => openPressing("breached", null, opener)],
];

function build() {
  if (new URLSearchParams(location.search).get("tv") === "1") keepAwake();
  view = {
    title: el("h1"), connection: el("span", { class: "line-state", role: "status" }, icon("live", true), el("span")),
    asOf: el("time"), stale: el("p", { class: "stale-banner", role: "alert", hidden: true }),
    tiles: TILES.map(tile), formulas: formulaSwitch(),
    queuesTitle: el("h2"), queues: table(QUEUE_COLUMNS), queuesEmpty: el("p", { class: "empty" }),
    agentsTitle: el("h2"), agents: table(AGENT_COLUMNS), agentsEmpty: el("p", { class: "empty" }),
  };
  root.className = new URLSearchParams(location.search).get("tv") === "1" ? "tv" : "";
  root.replaceChildren(
    el("header", {}, view.title, view.connection, view.asOf, el("span", { class: "gap" }), view.formulas, languageSwitch(base, "wallboard", draw)),
    el("main", {}, view.stale, el("div", { class: "tiles" }, ...view.tiles.map((one) => one.box)),
      el("div", { class: "tables" },
        el("section", {}, view.queuesTitle, view.queues.element, view.queuesEmpty),
        el("section", {}, view.agentsTitle, view.agents.element, view.agentsEmpty))));
  draw();
}

async function keepAwake() {
  const ask = () => navigator.wakeLock?.request("screen").catch(() => {});
  await ask();
  document.addEventListener("visibilitychange", () => !document.hidden && ask());
}

function draw() {
  if (!view || !live) return;
  const age = board ? Date.now() - boardAt : 0;
  root.classList.toggle("stale", age > STALE_MS);
  setText(view.title, t("wallboard.title"));
  document.title = `${t("wallboard.title")} – Switchboard`;
  view.connection.className = `line-state ${live.state}`;
  setIcon(view.connection.firstChild, live.state === "live" ? "live" : live.state === "offline" ? "offline" : "sync");
  setText(view.connection.lastChild, t(`common.connection.${live.state}`, { count: live.caught }));
  setText(view.asOf, board ? t("wallboard.as_of", { time: clockTime(board.as_of), zone: board.timezone }) : "");
  view.stale.hidden = age <= BANNER_MS;
  setText(view.stale, t("wallboard.stale", { span: span(age / 1000) }));
  for (const part of [view.queues, view.agents]) for (const heading of part.headings) setText(heading, t(`wallboard.${heading.dataset.name}`));
  view.formulas.setAttribute("aria-label", t("wallboard.service_level"));
  for (const option of view.formulas.options) setText(option, t(`wallboard.formula.${option.value}`));
  setText(view.queuesTitle, t("wallboard.queues"));
  setText(view.agentsTitle, t("wallboard.agents"));
  view.queues.element.setAttribute("aria-label", t("wallboard.queues"));
  view.agents.element.setAttribute("aria-label", t("wallboard.agents"));
  if (board) drawBoard(Math.min(live.now(), Date.parse(board.as_of) + STALE_MS));
}

/** `now`: figures stop ticking when nothing confirms them any more. */
function drawBoard(now) {
  const sums = totals(board, now);
  const level = levelOfAll(board.queues, formula), slow = slowest(board.queues);
  const values = { waiting: number(sums.waiting), longest: sums.longest === null ? "–" : span(sums.longest), eta: slow ? etaText(slow) : "–", service_level: percent(level.met, level.of), ready_agents: `${number(sums.ready)} / ${number(sums.staffed)}`, talking: number(sums.talking), sla_attainment: percent(board.sla.met, board.sla.due), due_soon: number(board.sla.due_soon), breached_open: number(board.sla.breached_open) };
  const looks = { due_soon: board.sla.due_soon ? "warn" : "", breached_open: board.sla.breached_open ? "bad" : "" };
  const notes = { eta: slow ? nameOf(slow.queue) : "", service_level: `${t(`wallboard.counted.${formula}`, { met: number(level.met), of: number(level.of) })} · ${formula}`, sla_attainment: t("wallboard.kept", { met: number(board.sla.met), due: number(board.sla.due) }) };
  const titles = { eta: t("wallboard.eta_title"), service_level: formulaTitle(formula) };
  for (const { name, figure, label, note, box } of view.tiles) {
    setText(label, t(`wallboard.${name}`));
    setText(figure, values[name]);
    setText(note, notes[name] ?? "");
    box.dataset.name = name;
    box.title = titles[name] ?? "";
    box.className = `tile ${looks[name] ?? ""}`;
  }
  view.queuesEmpty.hidden = board.queues.length > 0;
  setText(view.queuesEmpty, t("wallboard.empty_queues"));
  view.queues.element.hidden = !board.queues.length;
  reconcile(view.queues.body, board.queues, (queue) => queue.queue.id, () => makeRow(QUEUE_COLUMNS), (row, queue) => drawQueue(row, queue, now));
  const agents = order.of(board.agents);
  view.agentsEmpty.hidden = agents.length > 0;
  setText(view.agentsEmpty, t("wallboard.empty_agents"));
  view.agents.element.hidden = !agents.length;
  reconcile(view.agents.body, agents, (agent) => agent.agent.id, () => makeRow(AGENT_COLUMNS), (row, agent) => drawAgent(row, agent, now));
}

/** In minutes, as customers are told: nothing here is known to the second. */
function etaText(queue) {
  const [low, high] = [queue.eta_p50_seconds, queue.eta_p90_seconds].map((seconds) => Math.max(1, Math.ceil(seconds / 60)));
  if (high === 1) return t("wallboard.eta_soon");
  return low === high ? t("wallboard.eta_about", { minutes: number(high) }) : t("wallboard.eta_range", { low: number(low), high: number(high) });
}

function formulaTitle(id, level) {
  return [t(`wallboard.formula_title.${id}`), level ? t("wallboard.target_is", { span: span(level.target_seconds) }) : "", id].filter(Boolean).join(" · ");
}

/** How well estimates of the last day did; nothing before any was answered. */
function measuredText({ measured }) {
  return measured.answered ? t("wallboard.measured", { share: percent(measured.within_p90, measured.answered), number: number(measured.answered) }) : "";
}

function orDash(seconds) {
  return seconds === null ? "–" : span(seconds);
}

function drawDay(cells, queue) {
  const { today } = queue, level = levelOf(queue, formula);
  setText(cells.eta, queue.eta_p50_seconds === null ? "–" : etaText(queue));
  cells.eta.title = [t("wallboard.eta_title"), measuredText(queue)].filter(Boolean).join(" ");
  setText(cells.service_level, percent(level.met, level.of));
  cells.service_level.title = [t(`wallboard.counted.${formula}`, { met: number(level.met), of: number(level.of) }), formulaTitle(formula, level)].join(" · ");
  setText(cells.p95, orDash(today.wait_p95_seconds));
  setText(cells.max, orDash(today.wait_max_seconds));
  setText(cells.abandoned, number(today.abandoned));
  setText(cells.busy, number(queue.busy));
}

function makeRow(columns) {
  const cells = Object.fromEntries(columns.map((name, index) => [name, el(index ? "td" : "th", index ? { class: name } : { scope: "row" })]));
  cells.state.append(el("span", { class: "chip" }, icon("done", true), el("span")));
  const row = el("tr", {}, ...Object.values(cells));
  row.cells_ = cells;
  return row;
}

function drawChip(cell, look, name, text) {
  const chip = cell.firstChild;
  chip.className = `chip ${look}`;
  setIcon(chip.firstChild, name);
  setText(chip.lastChild, text);
}

function drawQueue(row, queue, now) {
  const cells = row.cells_;
  const state = steady.of(queue.queue.id, queueState(queue, now), now);
  const wait = longestSeconds(queue, now);
  setText(cells.queue, queue.is_open ? nameOf(queue.queue) : t("wallboard.closed", { queue: nameOf(queue.queue) }));
  drawChip(cells.state, state, STATE_ICONS[state], t(`wallboard.state.${state}`));
  setText(cells.waiting, number(inLine(queue)));
  cells.waiting.title = queue.unroutable ? t("wallboard.unroutable", { count: queue.unroutable }) : "";
  cells.waiting.classList.toggle("unroutable", queue.unroutable > 0);
  setText(cells.longest, wait === null ? "–" : span(wait));
  drawDay(cells, queue);
  setText(cells.ready_staffed, `${number(queue.ready)} / ${number(queue.staffed)}`);
  setText(cells.load, queue.capacity_units ? `${number(queue.used_units)} / ${number(queue.capacity_units)}` : "–");
  drawPressing(cells.due_soon, "due_soon", queue);
  drawPressing(cells.breached, "breached", queue);
  set(row, { class: state });
}

/** The count as a button to its list; nothing to press where there is nothing. */
function drawPressing(cell, standing, queue) {
  const count = queue[standing];
  if (!count) return setText(cell, number(0));
  let button = cell.querySelector("button");
  if (!button) {
    button = el("button", { class: `count ${standing}`, type: "button", onclick: () => openPressing(standing, queue.queue, button) });
    cell.replaceChildren(button);
  }
  setText(button, number(count));
  button.setAttribute("aria-label", t("wallboard.list.counted", { title: t(`wallboard.list.${standing}_in`, { queue: nameOf(queue.queue) }), number: number(count) }));
}

function drawAgent(row, agent, now) {
  const cells = row.cells_;
  const word = presenceWord(agent);
  const wraps = word === "ready" && agent.wrap_ups?.length;
  const reason = wraps ? t("wallboard.presence.wrap_up") : word === "not_ready" && has(`wallboard.reason.${agent.reason}`) ? t(`wallboard.reason.${agent.reason}`) : t(`wallboard.presence.${word}`);
  setText(cells.agent, agent.agent.name);
  drawChip(cells.state, { ready: "ok", not_responding: "bad", not_ready: "warn", offline: "off" }[word], PRESENCE_ICONS[word], reason);
  setText(cells.in_state, agent.since ? span((now - Date.parse(agent.since)) / 1000) : "–");
  setText(cells.conversations, number(agent.conversations));
  setText(cells.load, agent.capacity_units ? `${number(agent.used_units)} / ${number(agent.capacity_units)}` : "–");
  setText(cells.connection, t(`wallboard.connection.${agent.session}`));
}

start();
