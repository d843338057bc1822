// Nothing typed is lost by a stray click: whoever leaves an edited form is asked.
import { t } from "../shared/i18n.js";

let edited = null;

/** `form` is being edited from its first input on, until `settle`. */
export function watch(form) {
  form.addEventListener("input", () => { edited = form; });
  form.addEventListener("click", (event) => { if (event.target.closest("[data-edits]")) edited = form; });
}

export function settle() {
  edited = null;
}

export function mayLeave() {
  if (edited?.isConnected && !confirm(t("admin.leave"))) return false;
  edited = null;
  return true;
}

addEventListener("beforeunload", (event) => { if (edited?.isConnected) event.preventDefault(); });
