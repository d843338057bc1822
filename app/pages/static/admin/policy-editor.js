// Makes or edits a policy; what it would have meant for recorded conversations is seen before it is saved.
import { call } from "../shared/api.js";
import { editor } from "./editor.js";
import { policyForm } from "./policy-form.js";
import { trialPanel } from "./trial.js";

export function openEditor(place, policy, known) {
  const form = policyForm(policy, known);
  const trial = trialPanel(policy, form.readBody, (problem) => shell.tell(problem));
  const shell = editor(place, {
    thing: policy,
    fresh: "admin.policy.new",
    back: "admin.policy.back",
    list: "policies",
    path: "/v1/sla/policies",
    read: () => ({ name: form.readName(), body: form.readBody() }),
    documentOf: ({ name, body }) => ({ name, body }),
    reopen: (fresh) => openEditor(place, fresh, known),
    find: async () => (await call("GET", "/v1/sla/policies")).find((one) => one.id === policy.id),
  }, form.element, trial.element);
  return { redraw: () => { shell.redraw(); trial.redraw(); } };
}
