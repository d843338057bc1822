// Makes, renames or retires a skill; beside it every place that uses it.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { nameOf, number, t } from "../shared/i18n.js";
import { editor } from "./editor.js";
import { textsByLanguage } from "./languages.js";
import { settle } from "./leaving.js";
import { button, failure, field, say } from "./parts.js";

const PATH = "/v1/skills";

function askingWords({ level, rings = [], ranks = level === null }) {
  return [level && t("admin.skills.from_level", { level }), ...rings.map((ring) => t("admin.skills.in_ring", { ring })), ranks && t("admin.skills.ranks")].filter(Boolean).join(" · ");
}

function place(href, name, words) {
  return el("li", {}, el("a", { href, text: name }), " ", el("span", { class: "soft", text: words }));
}

/** { element, load, redraw }: agents with their level, queues and rules. `told(unused)` hears whether it could go. */
function usePanel(skill, told) {
  const shown = el("div", { class: "report" });
  const element = el("section", { class: "preview use" }, say("h3", "admin.skills.use"), shown);
  let use = null;
  const part = (key, items) => el("section", { class: "report" }, say("h4", key), items.length ? el("ul", { class: "moves" }, ...items) : say("p", "admin.skills.nowhere", { class: "soft" }));
  function draw() {
    if (!use) return;
    const hidden = use.agents_total - use.agents.length;
    const agents = use.agents.map((one) => place(`#agents/${one.agent_id}`, one.name, t("admin.skills.level", { level: one.proficiency })));
    shown.replaceChildren(
      part("admin.skills.queues", use.queues.map((one) => place(`#queues/${one.queue.id}`, nameOf(one.queue), askingWords(one)))),
      part("admin.skills.rules", use.rules.map((one) => place(`#rules/${one.number}`, one.name, askingWords(one)))),
      part("admin.skills.agents", [...agents, ...(hidden > 0 ? [el("li", { class: "soft", text: t("admin.members.more", { count: number(hidden) }) })] : [])]));
    told(!(use.agents_total + use.queues.length + use.rules.length));
  }
  async function load() {
    try {
      use = await call("GET", `${PATH}/${skill.id}/use`);
      draw();
    } catch (problem) {
      shown.replaceChildren(failure(problem, load));
    }
  }
  return { element, load, redraw: draw };
}

function readOnly(page, skill, use) {
  page.replaceChildren(el("p", {}, el("a", { href: "#skills" }, say("span", "admin.skills.back"))), el("div", { class: "head" }, el("h2", { text: skill.name })), say("p", "admin.skills.admins_only"), use.element);
  return { redraw: use.redraw };
}

export function openEditor(page, skill, mayChange) {
  const note = say("p", "admin.skills.in_use", { class: "soft", id: "skill-in-use" });
  const retire = button("admin.policy.retire", () => remove(), { look: "quiet", disabled: true, "aria-describedby": note.id });
  const use = usePanel(skill, (unused) => { retire.disabled = !unused; note.hidden = unused; });
  if (skill.id) use.load();
  if (!mayChange) return readOnly(page, skill, use);
  const name = el("input", { value: skill.name, maxLength: 100, autocomplete: "off", autofocus: !skill.name });
  const names = textsByLanguage("names", "admin.field.names", skill.names, { control: (text) => el("input", { value: text, maxLength: 100, autocomplete: "off" }), label: "admin.policy.name" });

  async function remove() {
    if (!confirm(t("admin.skills.retire_sure", { name: skill.name }))) return;
    try {
      await call("DELETE", `${PATH}/${skill.id}`);
      settle();
      location.hash = "skills";
    } catch (problem) {
      shell.tell(problem);
      use.load();
    }
  }

  const body = el("div", { class: "form-body" }, field("name", "admin.policy.name", name, "admin.skills.name_hint"), names.element, ...(skill.id ? [note] : []));
  const shell = editor(page, {
    thing: skill,
    fresh: "admin.skills.new",
    back: "admin.skills.back",
    list: "skills",
    read: () => ({ name: name.value.trim(), names: names.read() }),
    documentOf: ({ name: said, names: others }) => ({ name: said, names: others }),
    send: (mine, { key }) => (skill.id ? call("PATCH", `${PATH}/${skill.id}`, mine) : call("POST", PATH, mine, { key })),
    reopen: () => {},
    find: () => skill,
  }, body, skill.id ? use.element : el("div"), ...(skill.id ? [retire] : []));
  return { redraw: () => { shell.redraw(); use.redraw(); } };
}
