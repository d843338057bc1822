// Who could take a queue's work on the settings as they stand in the form, ring by ring; nothing is stored.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { fullMoment, number, t } from "../shared/i18n.js";
import { CHANNELS } from "./controls.js";
import { durationText } from "./durations.js";
import { nameById } from "./names.js";
import { field, say } from "./parts.js";

const PATH = "/v1/queue-looks";
const PAUSE_MS = 500;
const COUNTS = ["let_in", "could", "ready", "free"];

function lackingWords({ lacking, let_in: people }) {
  return Object.entries(lacking).map(([skill, count]) => t("admin.look.lacking", { count: number(count), of: number(people), skill: skill.startsWith("language:") ? skill.slice(9) : nameById(skill) })).join(" · ");
}

function ringRow(ring, index, rings) {
  const fades = index && ring.ring === rings[index - 1].ring;
  const name = fades ? t("admin.look.faded", { after: durationText(ring.enter_after_seconds) }) : ring.ring ? t("admin.look.ring", { ring: ring.ring, after: durationText(ring.enter_after_seconds) }) : t("admin.look.own");
  return el("tr", { data: { ring: String(ring.ring) } }, el("th", { scope: "row" }, name, el("p", { class: "soft", text: lackingWords(ring) })), ...COUNTS.map((part) => el("td", { class: "figure", text: number(ring[part]) })));
}

/** { element, soon, redraw }: `soon` looks anew after a pause in the typing; `read` gives the settings or raises. */
export function lookPanel(queueId, read) {
  const channel = el("select", {}, ...CHANNELS.map((name) => el("option", { value: name })));
  const said = el("p", { role: "status" }), due = el("p", { class: "soft" }), shown = el("div");
  const element = el("section", { class: "preview look", data: { part: "" } }, say("h3", "admin.look.title"), say("p", "admin.look.about", { class: "soft" }), field("channel", "admin.rules.condition.channel", channel), said, due, shown);
  let timer = null, turn = 0, result = null;

  function verdict({ unroutable, rings }) {
    if (unroutable) return t(`admin.look.nobody.${queueId || rings.some((ring) => ring.let_in) ? unroutable : "no_members"}`);
    return rings[0].could ? t("admin.look.somebody", { count: rings[0].could, ready: number(rings[0].ready) }) : t("admin.look.later", { after: durationText(rings.find((ring) => ring.could).enter_after_seconds) });
  }

  function draw() {
    for (const option of channel.options) option.textContent = t(`admin.channel.${option.value}`);
    if (!result) return;
    said.className = result.unroutable ? "warning" : "";
    said.textContent = verdict(result);
    due.textContent = result.due.counted === "round_the_clock" ? "" : t(`admin.look.due.${result.due.counted}`, { calendar: result.due.calendar, due: fullMoment(result.due.at) });
    shown.replaceChildren(el("div", { class: "table", tabIndex: 0, role: "region", "aria-label": t("admin.look.title") }, el("table", {},
      el("thead", {}, el("tr", {}, ...["ring_head", ...COUNTS].map((name) => say("th", `admin.look.${name}`, { scope: "col", class: name === "ring_head" ? "" : "figure" })))), el("tbody", {}, ...result.rings.map(ringRow)))));
  }

  async function look() {
    const mine = ++turn;
    try {
      const settings = read();
      const found = await call("POST", PATH, { settings: { ...settings, name: settings.name || "–" }, queue_id: queueId, channel: channel.value });
      if (mine !== turn) return;
      result = found;
      draw();
    } catch (problem) {
      if (mine !== turn) return;
      // What is wrong is told at its field when it is saved; while somebody types it is only not known yet.
      result = null;
      shown.replaceChildren();
      due.textContent = "";
      said.className = "soft";
      said.textContent = t(problem.status && problem.status !== 422 ? "problem.network" : "admin.look.unfinished");
    }
  }

  const soon = () => { clearTimeout(timer); timer = setTimeout(look, PAUSE_MS); };
  channel.addEventListener("input", (event) => { event.stopPropagation(); soon(); });
  draw();
  return { element, soon, redraw: draw };
}
