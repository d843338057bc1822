// An unsaved policy on recorded conversations: the clocks by state, as they are and as they would be.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { number, t } from "../shared/i18n.js";
import { interval } from "./interval.js";
import { word } from "./names.js";
import { button, say } from "./parts.js";
import { clearWrong } from "./wrong.js";

const STATES = ["met", "met_late", "breached", "running", "paused", "cancelled"];
const CONVERSATIONS_MOST = 2000;

function resultTable(result) {
  const states = STATES.filter((state) => result.lines.some((line) => line.before[state] || line.after[state]));
  const cellOf = ({ before, after }, state) => {
    const [was, is] = [before[state] ?? 0, after[state] ?? 0];
    return el("td", { class: was === is ? "figure" : "figure differs", text: was === is ? number(is) : t("admin.trial.from_to", { before: number(was), after: number(is) }) });
  };
  return el("div", { class: "table", tabIndex: 0, role: "region", "aria-label": t("admin.trial.title") }, el("table", {},
    el("thead", {}, el("tr", {}, say("th", "admin.field.metric", { scope: "col" }), ...states.map((state) => el("th", { scope: "col", text: word(`admin.state.${state}`) })))),
    el("tbody", {}, ...result.lines.map((line) => el("tr", {}, el("th", { scope: "row", text: word(`admin.metric.${line.metric}`) }), ...states.map((state) => cellOf(line, state)))))));
}

export function trialPanel(policy, read, tell) {
  const { element: dates, read: readInterval } = interval();
  const out = el("div", { role: "status" });
  let result = null;
  const go = button("admin.trial.go", run);
  const element = el("section", { class: "preview trial", data: { part: "" } }, say("h3", "admin.trial.title"), say("p", "admin.trial.about", { class: "soft" }), dates, el("div", { class: "actions start" }, go), out);

  const draw = () => {
    if (!result) return out.replaceChildren();
    const told = t("admin.trial.said", { count: result.conversations, changed: number(result.changed) });
    out.replaceChildren(el("p", { text: result.conversations ? told : t("admin.trial.nothing") }), !result.complete && el("p", { class: "soft", text: t("admin.trial.incomplete", { most: number(CONVERSATIONS_MOST) }) }) || "", result.lines.length ? resultTable(result) : "");
  };

  async function run() {
    go.disabled = true;
    clearWrong(element);
    result = null;
    draw();
    try {
      const [from, to] = readInterval();
      result = await call("POST", "/v1/sla/policies/trial", { body: read(), replaces_policy_id: policy.id ?? null, opened_from: from, opened_to: to, limit: CONVERSATIONS_MOST });
      draw();
    } catch (problem) {
      // The trial sends the policy as `body`, as saving does: what is wrong is told in the form.
      tell(problem);
    } finally {
      go.disabled = false;
    }
  }
  return { element, redraw: draw };
}
