// The log-in form of console and wallboard.
import { call, explain } from "./api.js";
import { el } from "./dom.js";
import { LANGUAGES, language, load, rememberLanguage, t } from "./i18n.js";

export function languageSwitch(base, page, changed) {
  const select = el("select", { "aria-label": t("common.language"), onchange: async () => {
    rememberLanguage(select.value);
    await load(base, page, select.value);
    document.documentElement.lang = select.value;
    changed?.();
  } }, ...Object.entries(LANGUAGES).map(([tag, name]) => el("option", { value: tag, text: name, lang: tag, selected: tag === language })));
  return select;
}

const SIGNED_IN = "switchboard.signed_in";

/** False: nobody logged in here, so asking who it is would only write an error into the browser's log. */
export function wasSignedIn() {
  return localStorage.getItem(SIGNED_IN) === "1";
}

export function forgetSignedIn() {
  localStorage.removeItem(SIGNED_IN);
}

/** Shows the form in `root` and answers once the session cookie is set. */
export function signIn(root, base, page, note = "") {
  return new Promise((resolve) => {
    const show = (login = "", password = "") => {
      const error = el("p", { class: "error", role: "alert", text: note });
      const name = el("input", { name: "login", autocomplete: "username", required: true, value: login, autocapitalize: "none", spellcheck: false });
      const secret = el("input", { name: "password", type: "password", autocomplete: "current-password", required: true, value: password });
      const button = el("button", { class: "button filled", type: "submit", text: t("common.sign_in") });
      const submit = async (event) => {
        event.preventDefault();
        button.disabled = true;
        error.textContent = "";
        try {
          await call("POST", "/v1/session", { login: name.value.trim(), password: secret.value });
          localStorage.setItem(SIGNED_IN, "1");
          root.replaceChildren();
          resolve();
        } catch (problem) {
          error.textContent = explain(problem);
          button.disabled = false;
          secret.focus();
        }
      };
      root.replaceChildren(el("main", { class: "login" }, el("form", { onsubmit: submit },
        el("div", { class: "form-head" }, el("h1", { text: t(`${page}.title`) }), languageSwitch(base, page, () => show(name.value, secret.value))),
        el("label", { class: "field" }, el("span", { text: t("common.login") }), name),
        el("label", { class: "field" }, el("span", { text: t("common.password") }), secret),
        error, button)));
      (login ? secret : name).focus();
    };
    show();
  });
}
