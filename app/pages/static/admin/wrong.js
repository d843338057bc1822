// What is wrong is told at the field that the API names, in the reader's words.
import { explain } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { t } from "../shared/i18n.js";

const CONTROL = "input, select, textarea";
/** Codes of refusals that name no path, and the field they are about. */
const FIELD_OF = { overflow_cycle: "overflow", calendar_name_taken: "name", policy_name_taken: "name", queue_name_taken: "name", skill_name_taken: "name" };
const TOLD = [
  [/^overflow_cycle: [^:]*: (.*)\. /, "admin.wrong.overflow_cycle"], [/two steps do the same/, "admin.wrong.step_twice"], [/choose a lower floor/, "admin.wrong.floor"],
  [/name_taken/, "admin.wrong.name_taken"], [/each name once/, "admin.wrong.rule_twice"], [/must open later/, "admin.wrong.ring_order"], [/asks more than/, "admin.wrong.ring_harder"], [/or let the rule stop/, "admin.wrong.nothing_set"], [/IANA name/, "admin.wrong.zone"],
  [/each metric once/, "admin.wrong.metric_twice"], [/give each once/, "admin.wrong.threshold_twice"],
  [/overlap/, "admin.wrong.overlap"], [/is no span/, "admin.wrong.span"], [/has no length/, "admin.wrong.span_empty"],
  [/is no time zone/, "admin.wrong.zone"], [/no open time/, "admin.wrong.never_open"], [/has no region|no country/, "admin.wrong.country"],
  [/comes back to/, "admin.wrong.ladder_loop"], [/wait longer/, "admin.wrong.ladder_order"], [/names nobody/, "admin.wrong.nobody"], [/team_id goes with/, "admin.wrong.team_of_owner"],
  [/^give (?:either )?\w+_id or \w+_id/, "admin.wrong.one_of_both"], [/two ways/, "admin.wrong.two_ways"], [/has (\d+) rings/, "admin.wrong.rings"],
  [/(?:is no placeholder|stands alone).* (\{\w+\}.*)$/, "admin.wrong.placeholder"],
  [/is disabled/, "admin.wrong.disabled"], [/match pattern/, "admin.wrong.code"], [/targets: give at least one|^give at least one/, "admin.wrong.needed"],
  [/one of percent/, "admin.wrong.when"], [/there is no such/i, "admin.wrong.gone"],
  [/greater than 0$/, "admin.wrong.above_zero"], [/greater than or equal to (\d+)/, "admin.wrong.at_least"],
  [/less than or equal to (\d+)/, "admin.wrong.at_most"], [/at least \d+ (?:item|character)|required/, "admin.wrong.needed"],
  [/at most (\d+) (?:item|character)/, "admin.wrong.too_long"], [/date/, "admin.wrong.date"], [/UUID/, "admin.wrong.needed"],
  [/valid (?:integer|number|list)/, "admin.wrong.number"],
];
let count = 0;

/** Raised while a form is read: `place` holds what the page cannot make sense of. */
export class Wrong extends Error {
  constructor(place, key, values = {}) {
    super(key);
    Object.assign(this, { place, key, values });
  }
}

function inWords(message) {
  for (const [pattern, key] of TOLD) {
    const match = pattern.exec(message);
    if (match) return t(key, { limit: match[1] ?? "", names: match[1] ?? "" });
  }
  return t("admin.wrong.other", { message });
}

/** (path, message) of each refused field. A check of a whole part says in its message which of its fields is meant. */
function refusals({ code, document }) {
  if (FIELD_OF[code]) return [[FIELD_OF[code], `${code}: ${document.detail}`]];
  const found = document?.errors ?? [{ path: "body", message: document?.detail ?? "" }];
  return found.map(({ path, message }) => {
    const plain = message.replace(/^Value error, /, "");
    const named = /^([a-z_]+(?:\.[a-z0-9_]+)*): /.exec(plain);
    return [`${path.replace(/^body\.?/, "")}${named ? `.${named[1].replace(/^body\./, "")}` : ""}`, plain];
  });
}

/**
 * The innermost part of `root` on the way of `path`: a row by its number, or by what its first select says where rows
 * have keys. What the form does not know on that way is passed over.
 */
function placeOf(root, path) {
  let place = root;
  for (const name of path.split(".")) {
    const inside = [...place.querySelectorAll("[data-part]")].filter((part) => part.parentElement.closest("[data-part]") === place);
    const items = inside.filter((part) => part.dataset.part === "item");
    place = inside.find((part) => part.dataset.part.split(" ").includes(name)) ?? (/^\d+$/.test(name) ? items[Number(name)] : items.find((item) => item.querySelector("select")?.value === name)) ?? place;
  }
  return place;
}

export function tellAt(place, message) {
  const control = place.matches(CONTROL) ? place : place.querySelector(CONTROL);
  const box = place.matches(CONTROL) ? place.closest("[data-part]") ?? place.parentElement : place;
  const note = el("p", { class: "error wrong", id: `wrong-${++count}`, text: message });
  box.append(note);
  control?.setAttribute("aria-invalid", "true");
  control?.setAttribute("aria-describedby", note.id);
  return control;
}

export function clearWrong(root) {
  for (const note of root.querySelectorAll(".wrong")) note.remove();
  for (const control of root.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
}

/** Tells a refusal in `form` (data-part="", with an .error at its end); the first field in question gets the focus. */
export function tellWrong(form, problem) {
  clearWrong(form);
  if (problem instanceof Wrong) return tellAt(problem.place, t(problem.key, problem.values))?.focus();
  if (!problem.document) throw problem;
  if (problem.status !== 422 && !FIELD_OF[problem.code]) return tellAt(form, explain(problem));
  const told = refusals(problem).map(([path, message]) => {
    const place = placeOf(form, path);
    return place === form ? (tellAt(form, inWords(message)), null) : tellAt(place, inWords(message));
  });
  told.find(Boolean)?.focus();
}
