// A cause: its names by language, and whether it is still offered. Its code is the API's and stays.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { nameOf } from "../shared/i18n.js";
import { editor } from "./editor.js";
import { textsByLanguage } from "./languages.js";
import { checkbox, field, say } from "./parts.js";
import { Wrong } from "./wrong.js";

const PATH = "/v1/sla/cause-codes";
const CODE = /^[a-z0-9_]{1,60}$/;

export function openEditor(place, cause) {
  const code = el("input", { value: cause?.code ?? "", maxLength: 60, autocomplete: "off", spellcheck: false, disabled: Boolean(cause) });
  const names = textsByLanguage("names", "admin.causes.names", cause?.names ?? { en: "", "zh-CN": "" }, { label: "admin.field.name", control: (text) => el("input", { value: text, maxLength: 100, autocomplete: "off" }) });
  const retired = checkbox("admin.causes.retire", cause?.retired ?? false);
  const body = el("div", { class: "form-body" }, field("code", "admin.causes.code", code, "admin.policy.code_hint"), names.element, retired.element);
  const thing = { id: cause?.code, name: cause ? nameOf(cause) || cause.code : "", document: cause };
  const documentOf = ({ document: { names: texts, retired: gone } }) => ({ names: texts, retired: gone });
  const it = {
    thing, documentOf, fresh: "admin.causes.new", back: "admin.causes.back", list: "causes",
    read: () => {
      if (!CODE.test(code.value.trim())) throw new Wrong(code, "admin.wrong.code");
      const texts = names.read();
      if (!Object.keys(texts).length) throw new Wrong(names.element, "admin.wrong.needed");
      return { names: texts, retired: retired.box.checked };
    },
    send: async (wanted, { key }) => {
      const stored = await call("PUT", `${PATH}/${code.value.trim()}`, wanted, { key });
      return { id: stored.code, name: nameOf(stored) || stored.code, document: stored };
    },
  };
  return editor(place, it, body, el("div", { class: "card" }, say("p", "admin.causes.hint")));
}
