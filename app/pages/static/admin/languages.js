// Texts by language: a row each, with the tag of the language and what is said in it.
import { el } from "../shared/dom.js";
import { LANGUAGES } from "../shared/i18n.js";
import { field, group, listOf } from "./parts.js";
import { Wrong } from "./wrong.js";

const MOST = 20;
let made = 0;
const TAG = /^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*$/;

function row([tag, text], { control, check, label }, tags) {
  const language = el("input", { class: "tag", value: tag, list: tags, maxLength: 20, autocomplete: "off", spellcheck: false }), input = control(text);
  const read = () => {
    if (!TAG.test(language.value.trim())) throw new Wrong(language, "admin.wrong.language");
    if (!input.value.trim()) throw new Wrong(input, "admin.wrong.needed");
    check?.(input);
    return [language.value.trim(), input.value.trim(), language];
  };
  return { element: el("div", { class: "inline by-language" }, field("language", "admin.language", language), field("text", label, input)), read };
}

/** { element, read }. `control(text)` makes the place to write in, `check(control)` raises Wrong. */
export function textsByLanguage(part, legend, texts, options) {
  const id = `languages-${++made}`;
  const missing = () => Object.keys(LANGUAGES).find((tag) => !(tag in known())) ?? "";
  const known = () => Object.fromEntries([...list.element.querySelectorAll(".tag")].map(({ value }) => [value, true]));
  const list = listOf(Object.entries(texts), (value) => row(value, options, id), { add: "admin.add_language", remove: "admin.remove_language", fresh: () => [missing(), ""], most: MOST });
  const read = () => {
    const found = {};
    for (const [tag, text, input] of list.read()) {
      if (tag in found) throw new Wrong(input, "admin.wrong.language_twice");
      found[tag] = text;
    }
    return found;
  };
  const tags = el("datalist", { id }, ...Object.entries(LANGUAGES).map(([value, label]) => el("option", { value, label })));
  return { element: group(part, legend, list.element, tags), read };
}
