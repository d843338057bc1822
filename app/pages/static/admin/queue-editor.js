// Makes or edits a queue: its settings as versions, who could take its work before they are saved, and its members.
import { call } from "../shared/api.js";
import { editor } from "./editor.js";
import { queueForm, settingsOf } from "./queue-form.js";
import { lookPanel } from "./queue-look.js";
import { membersPanel } from "./queue-members.js";

const PATH = "/v1/queues";

export function openEditor(place, queue) {
  const form = queueForm(queue);
  const look = lookPanel(queue.id ?? null, form.read);
  const shell = editor(place, {
    thing: queue,
    fresh: "admin.queues.new",
    back: "admin.queues.back",
    list: "queues",
    path: PATH,
    read: form.read,
    documentOf: settingsOf,
    reopen: (stored) => openEditor(place, stored),
    find: () => call("GET", `${PATH}/${queue.id}`),
    restore: (version, options) => call("POST", `${PATH}/${queue.id}/versions/${version}/restore`, undefined, options),
  }, form.element, look.element);
  form.element.addEventListener("input", look.soon);
  const members = queue.id && membersPanel(queue.id, look.soon);
  if (members) place.append(members.element);
  look.soon();
  return { redraw: () => { shell.redraw(); look.redraw(); members?.redraw(); } };
}
