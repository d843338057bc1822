// Makes or edits one routing rule; the whole list is stored with it, as the version after the one that was read.
import { call } from "../shared/api.js";
import { editor } from "./editor.js";
import { ruleForm } from "./rule-form.js";
import { trialPanel } from "./rule-trial.js";
import { PATH, storeRules } from "./rule-words.js";

export function openEditor(place, list, index, rule) {
  let { rules } = list;
  const form = ruleForm(rule);
  const withMine = (mine) => [...rules.slice(0, index), mine, ...rules.slice(index + 1)];
  const trial = trialPanel(() => withMine(form.read()), (problem) => shell.tell(problem));
  const thing = { ...rule, id: rule.name ? String(index + 1) : undefined, version: list.version };
  const named = (stored, at) => ({ ...stored.rules[at], id: String(at + 1), version: stored.version });
  const shell = editor(place, {
    thing,
    fresh: "admin.rules.new",
    back: "admin.rules.back",
    list: "rules",
    read: form.read,
    documentOf: ({ name, enabled, conditions, effects, stop }) => ({ name, enabled, conditions, effects, stop }),
    send: async (mine, { key, version }) => {
      const stored = await storeRules(withMine(mine), version, key);
      ({ rules } = stored);
      return named(stored, index);
    },
    reopen: () => { location.hash = "rules"; },
    find: async () => {
      const now = await call("GET", PATH);
      ({ rules } = now);
      return now.rules[index] ? named(now, index) : { ...rule, version: now.version };
    },
  }, form.element, trial.element);
  return { redraw: () => { shell.redraw(); trial.redraw(); } };
}
