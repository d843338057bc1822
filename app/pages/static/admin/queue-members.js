// Who serves in a queue: found by name or team, added and taken out many at once.
import { all, call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { number, t } from "../shared/i18n.js";
import { newId } from "../shared/socket.js";
import { nameById } from "./names.js";
import { button, failure, field, say } from "./parts.js";

const MOST_AGENTS = 2000;
const MOST_AT_ONCE = 500;
const MOST_SHOWN = 100;

/** Agents to tick. `change(ids)` is what the button does with those that are ticked and shown. */
function pickList(legend, key, change) {
  const search = el("input", { type: "search", autocomplete: "off", maxLength: 100 });
  const boxes = el("div", { class: "checks column" }), more = el("p", { class: "soft" });
  const every = button("admin.members.all_shown", () => tick(true), { look: "quiet" });
  const act = button(key, () => change(ticked()));
  const title = el("span");
  const ticked = () => [...boxes.querySelectorAll("input:checked")].map((box) => box.value);
  const refresh = () => { act.disabled = !ticked().length; every.disabled = !boxes.children.length; };
  let agents = [];
  const wording = (agent) => [agent.name, agent.team_id && nameById(agent.team_id)].filter(Boolean).join(" · ");

  function tick(checked) {
    for (const box of boxes.querySelectorAll("input")) box.checked = checked;
    refresh();
  }

  function draw() {
    const kept = new Set(ticked()), wanted = search.value.trim().toLowerCase();
    const found = agents.filter((agent) => wording(agent).toLowerCase().includes(wanted));
    boxes.replaceChildren(...found.slice(0, MOST_SHOWN).map((agent) => el("label", { class: "check" }, el("input", { type: "checkbox", value: agent.id, checked: kept.has(agent.id), onchange: refresh }), el("span", { text: wording(agent) }))));
    title.textContent = t(legend, { count: agents.length });
    more.textContent = found.length > MOST_SHOWN ? t("admin.members.more", { count: number(found.length - MOST_SHOWN) }) : found.length ? "" : t("admin.members.nobody");
    refresh();
  }

  search.addEventListener("input", draw);
  const element = el("fieldset", {}, el("legend", {}, title), field("search", "admin.members.search", search), boxes, more, el("div", { class: "actions start" }, act, every));
  return { element, show: (given) => { agents = given; draw(); }, focus: () => search.focus() };
}

export function membersPanel(queueId, changed) {
  const status = el("p", { class: "soft", role: "status" }), trouble = el("div");
  const inside = pickList("admin.members.inside", "admin.members.take_out", (ids) => change(inside, { remove: ids }, ids.length, "admin.members.taken_out"));
  const outside = pickList("admin.members.outside", "admin.members.add", (ids) => change(outside, { add: ids }, ids.length, "admin.members.added"));
  const element = el("section", { class: "report members" }, say("h3", "admin.members.title"), say("p", "admin.members.about", { class: "soft" }), status, trouble, el("div", { class: "pair" }, inside.element, outside.element));
  let agents = [], members = new Set();

  function draw() {
    inside.show(agents.filter((agent) => members.has(agent.id)));
    outside.show(agents.filter((agent) => !members.has(agent.id) && !agent.disabled_at && !agent.synthetic));
  }

  async function load() {
    try {
      const [everybody, now] = await Promise.all([all("/v1/agents?limit=100", MOST_AGENTS), call("GET", `/v1/queues/${queueId}/members`)]);
      [agents, members] = [everybody, new Set(now.agent_ids)];
      trouble.replaceChildren();
      draw();
    } catch (problem) {
      trouble.replaceChildren(failure(problem, load));
    }
  }

  async function change(list, body, count, said) {
    status.textContent = "";
    try {
      const ids = Object.fromEntries(Object.entries(body).map(([name, all]) => [name, all.slice(0, MOST_AT_ONCE)]));
      members = new Set((await call("POST", `/v1/queues/${queueId}/members`, ids, { key: newId() })).agent_ids);
      trouble.replaceChildren();
      status.textContent = t(said, { count });
      draw();
      list.focus();
      changed();
    } catch (problem) {
      trouble.replaceChildren(failure(problem, null));
    }
  }

  load();
  return { element, redraw: draw };
}
