// What every editor has: its head, saving with the version that was read, both texts when somebody was faster, versions.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { newId } from "../shared/socket.js";
import { conflict, differences } from "./conflict.js";
import { showHistory } from "./history.js";
import { settle, watch } from "./leaving.js";
import { button, say } from "./parts.js";
import { clearWrong, tellWrong } from "./wrong.js";

/** The id of what was just made: its editor, opened anew under its own address, says so. */
let justMade = null;

/**
 * Fills `place` with a form of `body` and, beside it, `aside`. `it` says what is edited:
 * thing (with id, name, version), fresh and back (texts: the head of a new one, the way to the list), list (its
 * section), path (of the API), read() (the body to send), documentOf(thing) (the same of a stored one), find() (it as
 * stored now), reopen(thing). What is stored in another way has send(body, { key, version }) instead of path, and no
 * history; restore({ version }, options) makes an old version current again.
 */
export function editor(place, it, body, aside, ...actions) {
  const { thing } = it;
  const heading = el("h2");
  const saved = el("p", { class: "soft", role: "status" });
  const clash = el("div");
  const save = button("admin.save", () => submit(), { look: "filled" });
  const past = thing.id && it.path && button("admin.history.open", (event) => showHistory(it, event.currentTarget), { shape: "clock" });
  const form = el("form", { class: "editor", noValidate: true, data: { part: "" }, onsubmit: (event) => { event.preventDefault(); submit(); } },
    body, el("div", { class: "bar" }, save, ...actions, button("common.cancel", leave), el("span", { class: "gap" }), past, saved));
  const redraw = () => { heading.textContent = thing.name || t(it.fresh); };
  const savedWords = () => (version ? t("admin.saved", { version }) : t("admin.saved_now"));
  let version = thing.version;
  let key = newId();

  function leave() {
    location.hash = it.list;
  }

  async function submit() {
    clearWrong(form);
    saved.textContent = "";
    let wanted = null;
    save.disabled = true;
    try {
      wanted = it.read();
      if (thing.id && version === thing.version && !differences(it.documentOf(thing), wanted).length) {
        settle();
        saved.textContent = t("admin.unchanged");
        return;
      }
      const send = it.send ?? ((body, options) => call(thing.id ? "PUT" : "POST", thing.id ? `${it.path}/${thing.id}` : it.path, body, options));
      const stored = await send(wanted, { key, version });
      settle();
      key = newId();
      if (!thing.id) {
        justMade = stored.id;
        location.hash = `${it.list}/${stored.id}`;
        return;
      }
      version = stored.version;
      Object.assign(thing, stored);
      clash.replaceChildren();
      redraw();
      saved.textContent = savedWords();
    } catch (problem) {
      // After a broken line the same key makes the next try safe; a refusal is over.
      if (problem.code !== "network") key = newId();
      if (problem.status === 412) await tellConflict(wanted, problem); else tellWrong(form, problem);
    } finally {
      save.disabled = false;
    }
  }

  async function tellConflict(mine, { document: told }) {
    const theirs = await it.find();
    clash.replaceChildren(conflict(it.documentOf(theirs), mine, { ...told, version: theirs.version }, {
      keepMine: () => { version = theirs.version; clash.replaceChildren(); submit(); },
      takeTheirs: () => { settle(); it.reopen(theirs); },
    }));
    clash.querySelector("h3").focus();
  }

  watch(form);
  form.addEventListener("input", () => { key = newId(); });
  redraw();
  if (thing.id && thing.id === justMade) saved.textContent = savedWords();
  justMade = null;
  place.replaceChildren(
    el("p", {}, el("a", { href: `#${it.list}` }, say("span", it.back))),
    el("div", { class: "head" }, heading), ...(thing.retired ? [say("p", "admin.policy.retired_note", { class: "soft" })] : []),
    clash, el("div", { class: "split" }, form, aside));
  return { redraw, tell: (problem) => tellWrong(form, problem) };
}
