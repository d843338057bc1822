// Whether the visitor really wants to end the chat: asked once, fetched when it is.
import { el, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";

/** Asks in `panel`, which has the question as long as it stands. Answers { words, leave, focus }. */
export function ask(panel) {
  const question = el("p", { id: "end-question" }), trouble = el("p", { class: "sub", role: "alert" });
  const yes = el("button", { class: "button", type: "button", onclick: () => end() });
  const no = el("button", { class: "button", type: "button", onclick: () => leave() });
  const element = el("div", { class: "ending", role: "group", "aria-labelledby": "end-question" }, question, trouble, el("div", {}, yes, no));
  let asked = false, failed = false;

  function words() {
    setText(question, t("widget.end.sure"));
    setText(trouble, failed ? t("widget.end.failed") : "");
    setText(yes, t("widget.end.act"));
    setText(no, t("widget.end.stay"));
  }

  function leave() {
    const hadFocus = element.contains(element.getRootNode().activeElement);
    element.remove();
    panel.question = null;
    if (hadFocus) (panel.chat.isRunning() ? panel.end : panel.field).focus();
  }

  /** It leaves with the event that tells of the end: until then nothing has ended. */
  async function end() {
    if (asked) return;
    [asked, failed] = [true, false];
    words();
    try {
      await panel.chat.end();
    } catch {
      [asked, failed] = [false, true];
      words();
    }
  }

  words();
  panel.composer.before(element);
  return { words, leave, focus: () => yes.focus() };
}
