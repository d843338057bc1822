// The widget's part in files. Fetched when somebody sends or sees one: most conversations have none.
import { has, t } from "../shared/i18n.js";
import { drawFiles, Tray } from "../shared/files.js";

export function makeTray({ host, chat, changed }) {
  return new Tray({
    url: `${host}/v1/widget/attachments`,
    headers: async () => ({ Authorization: `Bearer ${await chat.token()}` }),
    words: { remove: "widget.files.remove" },
    explain: ({ code }) => t(has(`widget.problem.${code}`) ? `widget.problem.${code}` : "widget.files.failed"),
    changed,
  });
}

export function show(chat, list, files) {
  drawFiles(list, files, (file) => chat.linkOf(file));
}
