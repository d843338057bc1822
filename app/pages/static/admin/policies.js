// SLA policies in the order they are asked: the list with its order, and one of them in its editor.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { durationText } from "./durations.js";
import { loadNames, valueWords, word } from "./names.js";
import { button, failure, iconButton, say } from "./parts.js";

const STEP = 10;
const POSITION_MOST = 100000;
const PATH = "/v1/sla/policies";
const FRESH_BODY = { conditions: {}, calendar_id: null, targets: [{ metric: "first_reply", seconds: 3600 }], thresholds: [], ladders: { functional: [], hierarchical: [] }, frozen: [], reopen_grace_seconds: 600, bot_answers: false };

export async function open(place, [id]) {
  const [policies] = await Promise.all([call("GET", PATH), loadNames()]);
  if (!id) return openList(place, policies);
  const last = Math.max(0, ...policies.filter((one) => !one.retired).map((one) => one.body.position));
  const policy = id === "new" ? { name: "", body: { ...FRESH_BODY, position: last + STEP } } : policies.find((one) => one.id === id);
  if (!policy) { location.hash = "policies"; return null; }
  const [{ openEditor }, { loadActions }] = await Promise.all([import("./policy-editor.js"), import("./actions.js")]);
  return openEditor(place, policy, await loadActions());
}

function conditionWords(conditions) {
  const said = Object.entries(conditions).filter(([, values]) => values.length).map(([name, values]) => t("admin.pair", { name: word(`admin.field.${name}`), value: valueWords(name, values) }));
  return said.join(" · ") || t("admin.policy.everything");
}

function promises({ targets, dates = [] }) {
  return [...targets.map((one) => `${word(`admin.metric.${one.metric}`)} ${durationText(one.seconds)}`), ...dates.map((name) => word(`admin.metric.${name}`))].join(" · ");
}

/**
 * The positions to store so that `id` goes one up (-1) or down (1). Between its new neighbours where there is room, so
 * that one version is enough; else all are counted anew.
 */
export function moved(ids, positions, id, step) {
  const order = ids.filter((one) => one !== id);
  const index = ids.indexOf(id) + step;
  order.splice(index, 0, id);
  const before = index > 0 ? positions.get(order[index - 1]) : -1;
  const after = index + 1 < order.length ? positions.get(order[index + 1]) : before + 2 * STEP;
  const middle = Math.floor((before + after) / 2);
  const then = new Map(positions).set(id, middle);
  const increasing = order.every((one, at) => at === 0 || then.get(one) > then.get(order[at - 1]));
  if (middle > before && middle <= POSITION_MOST && increasing) return new Map([[id, middle]]);
  return new Map(order.map((one, at) => [one, (at + 1) * STEP]).filter(([one, position]) => positions.get(one) !== position));
}

function openList(place, given) {
  let policies = given;
  const status = el("p", { class: "soft", role: "status" });
  const trouble = el("div");
  const inForce = () => policies.filter((one) => !one.retired);

  async function change(work, said) {
    trouble.replaceChildren();
    try {
      await work();
      status.textContent = said;
    } catch (problem) {
      trouble.replaceChildren(failure(problem, null));
    }
    policies = await call("GET", PATH).catch(() => policies);
    draw();
  }

  const put = (policy, body = policy.body) => call("PUT", `${PATH}/${policy.id}`, { name: policy.name, body }, { version: policy.version });

  async function move(policy, step) {
    const positions = new Map(inForce().map((one) => [one.id, one.body.position]));
    const wanted = moved([...positions.keys()], positions, policy.id, step);
    await change(async () => {
      for (const one of inForce()) if (wanted.has(one.id)) await put(one, { ...one.body, position: wanted.get(one.id) });
    }, t("admin.policy.moved", { name: policy.name }));
    const buttons = place.querySelectorAll(`tr[data-id="${policy.id}"] button:not([disabled])`);
    (buttons[step < 0 ? 0 : 1] ?? buttons[0])?.focus();
  }

  function retire(policy) {
    if (confirm(t("admin.policy.retire_sure", { name: policy.name }))) change(() => call("DELETE", `${PATH}/${policy.id}`), t("admin.policy.retired_now", { name: policy.name }));
  }

  function row(policy, index, count) {
    return el("tr", { data: { id: policy.id } },
      el("td", { class: "figure", text: policy.retired ? "–" : String(index + 1) }),
      el("th", { scope: "row" }, el("a", { href: `#policies/${policy.id}`, text: policy.name })),
      el("td", { class: "wrap", text: conditionWords(policy.body.conditions) }),
      el("td", { class: "wrap", text: promises(policy.body) }),
      el("td", { class: "acts" }, ...(policy.retired ? [button("admin.policy.use_again", () => change(() => put(policy), t("admin.policy.used_again", { name: policy.name })), { look: "quiet" })] : [
        iconButton("up", "admin.policy.up", () => move(policy, -1), { disabled: index === 0 }),
        iconButton("down", "admin.policy.down", () => move(policy, 1), { disabled: index === count - 1 }),
        button("admin.policy.retire", () => retire(policy), { look: "quiet" })])));
  }

  function table(rows, label) {
    return el("div", { class: "table", tabIndex: 0, role: "region", "aria-label": label }, el("table", {},
      el("thead", {}, el("tr", {}, ...["order", "name", "conditions", "targets", "acts"].map((name) => say("th", `admin.policy.${name}`, { scope: "col" })))),
      el("tbody", {}, ...rows)));
  }

  function draw() {
    const active = inForce(), retired = policies.filter((one) => one.retired);
    place.replaceChildren(
      el("div", { class: "head" }, say("h2", "admin.section.policies"), el("span", { class: "gap" }), button("admin.policy.new", () => { location.hash = "policies/new"; }, { look: "filled", shape: "plus" })),
      say("p", "admin.policy.about", { class: "soft" }), status, trouble,
      table(active.map((one, index) => row(one, index, active.length)), t("admin.section.policies")),
      ...(retired.length ? [say("h3", "admin.policy.retired"), table(retired.map((one) => row(one, 0, 0)), t("admin.policy.retired"))] : []));
  }

  draw();
  return { redraw: draw };
}
