// Routing rules tried dry: on a conversation somebody describes, and on the newest ones there were.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { number, t } from "../shared/i18n.js";
import { nameById, word } from "./names.js";
import { button, field, say } from "./parts.js";
import { PATH, effectWords, setWords } from "./rule-words.js";
import { clearWrong } from "./wrong.js";

const LAST = 500;
const SEPARATOR = /[,，、;；]/;
const FACTS = ["channel", "segments", "category", "language", "brand"];

function became(step) {
  if (step.became === "fired") return step.sets.length ? t("admin.rules.fired", { fields: setWords(step.sets) }) : t("admin.rules.fired_nothing");
  if (step.became === "failed") return t("admin.rules.failed", { condition: word(`admin.rules.condition.${step.failed}`) });
  return t(`admin.rules.became.${step.became}`);
}

function factsResult({ steps, outcome }) {
  const told = effectWords(outcome);
  return [el("p", { text: told ? t("admin.rules.outcome", { effects: told }) : t("admin.rules.outcome_none") }),
    el("ol", { class: "steps" }, ...steps.map((step) => el("li", { data: { became: step.became } }, el("b", { text: step.name }), el("p", { class: "soft", text: became(step) }))))];
}

function pastResult(past) {
  const from = ({ from_queue_id: origin, to_queue_id: target }) => t("admin.trial.from_to", { before: nameById(origin), after: nameById(target) });
  return [el("p", { text: t("admin.rules.past", { count: past.conversations, elsewhere: number(past.elsewhere), otherwise: number(past.otherwise) }) }),
    el("ul", { class: "moves" }, ...past.moves.map((move) => el("li", { text: t("admin.pair", { name: from(move), value: number(move.conversations) }) })))];
}

/** `read` gives the unsaved list, or null for the one in force; `tell` shows what is wrong with it. */
export function trialPanel(read, tell) {
  const inputs = Object.fromEntries(FACTS.map((name) => [name, el("input", { value: name === "channel" ? "chat" : "", maxLength: 100, autocomplete: "off" })]));
  const at = el("input", { type: "datetime-local", min: "1970-01-01T00:00", max: "2200-12-31T23:59" });
  const out = el("div", { role: "status", class: "report" });
  let result = null;
  const describe = button("admin.rules.try_facts", () => run({ facts: facts() })), past = button("admin.rules.try_past", () => run({ last: LAST }));
  const element = el("section", { class: "preview trial", data: { part: "" } }, say("h3", "admin.rules.trial"), say("p", "admin.rules.trial_about", { class: "soft" }),
    el("div", { class: "fields" }, ...FACTS.map((name) => field(name, `admin.rules.condition.${name === "segments" ? "segment" : name}`, inputs[name])), field("at", "admin.rules.condition.hours", at)),
    el("div", { class: "actions start" }, describe, past), out);

  function facts() {
    const texts = Object.fromEntries(FACTS.map((name) => [name, inputs[name].value.trim()]));
    return { ...texts, segments: texts.segments.split(SEPARATOR).map((one) => one.trim()).filter(Boolean), at: at.value ? new Date(at.value).toISOString() : null };
  }

  const draw = () => out.replaceChildren(...(result?.facts ? factsResult(result.facts) : result?.past ? pastResult(result.past) : []));

  async function run(asked) {
    for (const each of [describe, past]) each.disabled = true;
    clearWrong(document);
    result = null;
    draw();
    try {
      result = await call("POST", `${PATH}/dry-run`, { rules: read(), ...asked });
      draw();
    } catch (problem) {
      tell(problem);
    } finally {
      for (const each of [describe, past]) each.disabled = false;
    }
  }
  return { element, redraw: draw };
}
