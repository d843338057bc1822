// Routing rules in the order they are asked: the list with its order, a panel that tries them, and one of them edited.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { loadNames } from "./names.js";
import { button, failure, iconButton, say } from "./parts.js";
import { trialPanel } from "./rule-trial.js";
import { PATH, conditionWords, effectWords, storeRules } from "./rule-words.js";
import { table } from "./tables.js";

const HEADINGS = ["admin.policy.order", "admin.policy.name", "admin.policy.conditions", "admin.rules.sets", "admin.policy.acts"];
const FRESH = { name: "", enabled: true, conditions: {}, effects: {}, stop: false };

export async function open(place, [which]) {
  const me = await call("GET", "/v1/me");
  const named = me.scopes.includes("channels:read") ? ["skill_id", "channel_account_id"] : ["skill_id"];
  const [list] = await Promise.all([call("GET", PATH), loadNames(...named)]);
  if (!which) return openList(place, list);
  const index = which === "new" ? list.rules.length : Number(which) - 1;
  const rule = which === "new" ? FRESH : list.rules[index];
  if (!rule) { location.hash = "rules"; return null; }
  const { openEditor } = await import("./rule-editor.js");
  return openEditor(place, list, index, rule);
}

function openList(place, given) {
  let list = given;
  const status = el("p", { class: "soft", role: "status" });
  const trouble = el("div"), shown = el("div", { class: "report" });
  const trial = trialPanel(() => null, (problem) => trouble.replaceChildren(failure(problem, null)));

  async function change(rules, said) {
    trouble.replaceChildren();
    try {
      list = await storeRules(rules, list.version);
      status.textContent = said;
    } catch (problem) {
      trouble.replaceChildren(failure(problem, null));
      list = await call("GET", PATH).catch(() => list);
    }
    draw();
  }

  async function move(index, step) {
    const rules = [...list.rules];
    const [rule] = rules.splice(index, 1);
    rules.splice(index + step, 0, rule);
    await change(rules, t("admin.policy.moved", { name: rule.name }));
    const buttons = shown.querySelectorAll(`tbody tr:nth-child(${index + step + 1}) button:not([disabled])`);
    (buttons[step < 0 ? 0 : 1] ?? buttons[0])?.focus();
  }

  function remove(rule) {
    if (confirm(t("admin.rules.remove_sure", { name: rule.name }))) change(list.rules.filter((one) => one !== rule), t("admin.rules.removed", { name: rule.name }));
  }

  function turn(rule) {
    const turned = { ...rule, enabled: !rule.enabled };
    change(list.rules.map((one) => (one === rule ? turned : one)), t(rule.enabled ? "admin.rules.off_now" : "admin.rules.on_now", { name: rule.name }));
  }

  async function showVersions(opener) {
    const { showHistory } = await import("./history.js");
    const restore = (version, options) => call("POST", `${PATH}/versions/${version}/restore`, undefined, options);
    const reopen = (stored) => {
      list = stored;
      status.textContent = t("admin.saved", { version: stored.version });
      draw();
    };
    return showHistory({ path: PATH, thing: { name: t("admin.section.rules"), version: list.version }, restore, reopen }, opener);
  }

  function row(rule, index) {
    const warning = list.warnings.find((one) => one.rule === index + 1);
    const effects = [effectWords(rule.effects), rule.stop ? t("admin.rules.stops") : ""].filter(Boolean).join(" · ");
    return el("tr", {},
      el("td", { class: "figure", text: String(index + 1) }),
      el("th", { scope: "row" }, el("a", { href: `#rules/${index + 1}`, text: rule.name }),
        !rule.enabled && el("p", { class: "soft", text: t("admin.rules.is_off") }),
        warning && el("p", { class: "warning", text: t("admin.rules.unreachable", { by: list.rules[warning.by - 1].name }) })),
      el("td", { class: "wrap", text: conditionWords(rule.conditions) }),
      el("td", { class: "wrap", text: effects }),
      el("td", { class: "acts" },
        iconButton("up", "admin.policy.up", () => move(index, -1), { disabled: index === 0 }),
        iconButton("down", "admin.policy.down", () => move(index, 1), { disabled: index === list.rules.length - 1 }),
        button(rule.enabled ? "admin.rules.turn_off" : "admin.rules.turn_on", () => turn(rule), { look: "quiet" }),
        button("admin.rules.remove", () => remove(rule), { look: "quiet" })));
  }

  function draw() {
    shown.replaceChildren(list.rules.length ? table(t("admin.section.rules"), HEADINGS, list.rules.map(row)) : el("div", { class: "empty" }, say("p", "admin.rules.none")));
  }

  place.replaceChildren(
    el("div", { class: "head" }, say("h2", "admin.section.rules"), el("span", { class: "gap" }), button("admin.history.open", (event) => showVersions(event.currentTarget), { shape: "clock" }), button("admin.rules.new", () => { location.hash = "rules/new"; }, { look: "filled", shape: "plus" })),
    say("p", "admin.rules.about", { class: "soft" }), status, trouble, shown, trial.element);
  draw();
  return { redraw: () => { draw(); trial.redraw(); } };
}
