// Native dialogs: transfer, resolve, and the table of keys.
import { all, call, explain } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { nameOf, t } from "../shared/i18n.js";
import { act } from "./acts.js";
import { announce, state } from "./store.js";

const TRANSFER_REASONS = ["wrong_queue", "needs_skill", "language", "shift_end", "customer_asked", "other"];
const NOTE_MOST = 2000;
const DISPOSITIONS = ["solved", "information", "not_solved", "no_answer", "spam"];
const KEYS = [
  ["Alt+Y", "accept"], ["Alt+Shift+Y", "decline"], ["Alt+J", "next"], ["Alt+K", "previous"], ["Alt+U", "unread"],
  ["Alt+R", "reply"], ["Alt+N", "note"], ["Alt+I", "panel"], ["Alt+Shift+T", "transfer"], ["Alt+Shift+E", "resolve"],
  ["Alt+Shift+P", "presence"], ["F6", "region"], ["Ctrl+/", "keys"],
];

function show(title, fields, { submit, danger = "", opener, onsubmit }) {
  const error = el("p", { class: "error", role: "alert" });
  const go = el("button", { class: `button filled ${danger}`, type: "submit", text: submit });
  const heading = el("h2", { id: "dialog-title", text: title });
  const dialog = el("dialog", { "aria-labelledby": "dialog-title" });
  const form = el("form", { onsubmit: async (event) => {
    event.preventDefault();
    go.disabled = true;
    error.textContent = "";
    try {
      await onsubmit();
      dialog.close("done");
    } catch (problem) {
      error.textContent = explain(problem);
      go.disabled = false;
    }
  } }, heading, ...fields, error, el("div", { class: "actions" },
    el("button", { class: "button", type: "button", text: t(submit ? "common.cancel" : "common.close"), onclick: () => dialog.close() }), submit ? go : null));
  dialog.append(form);
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  dialog.addEventListener("close", () => { dialog.remove(); opener?.focus(); });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

function labelled(key, control) {
  return el("label", { class: "field" }, el("span", { text: t(key) }), control);
}

function choice(name, values, first) {
  return el("select", { required: true }, first && el("option", { value: "", text: t(first) }), ...values.map((value) => el("option", { value, text: t(`${name}.${value}`) })));
}

async function targets(select, conversation) {
  const [queues, agents] = await Promise.all([all("/v1/queues").catch(() => []), all("/v1/agents").catch(() => [])]);
  const options = (key, items, prefix) => items.length && el("optgroup", { label: t(key) }, ...items.map((item) => el("option", { value: `${prefix}:${item.id}`, text: nameOf(item) })));
  select.replaceChildren(el("option", { value: "", text: t("console.transfer.choose") }),
    ...[options("console.transfer.queues", queues.filter((one) => !one.synthetic && (one.id !== conversation.queue?.id || conversation.owner)), "queue_id"),
      options("console.transfer.agents", agents.filter((one) => one.id !== state.me.id && !one.synthetic && !one.disabled_at), "agent_id")].filter(Boolean));
}

/** A colleague is being asked: there is nothing to choose until they answer, or are no longer asked. */
function showAsked(conversation, opener) {
  show(t("console.transfer.title"), [el("p", { text: t("console.transfer.waiting") })], {
    submit: t("console.transfer.take_back"),
    opener,
    onsubmit: () => call("DELETE", `/v1/conversations/${conversation.id}/transfer`),
  });
}

export async function confirmTransfer(conversation, opener) {
  const mine = conversation.owner?.id === state.me.id;
  if (mine && (await call("GET", `/v1/conversations/${conversation.id}/explain`).catch(() => null))?.transfer) return showAsked(conversation, opener);
  const to = el("select", { required: true }, el("option", { value: "", text: t("common.loading") }));
  const reason = choice("console.transfer_reason", TRANSFER_REASONS, "console.transfer.choose_reason");
  const warm = el("input", { type: "checkbox" });
  const first = el("label", { class: "check", hidden: true }, warm, el("span", { text: t("console.transfer.warm") }));
  const note = el("textarea", { rows: 3, maxLength: NOTE_MOST });
  to.addEventListener("change", () => { first.hidden = !mine || !to.value.startsWith("agent_id"); });
  targets(to, conversation);
  show(t("console.transfer.title"), [labelled("console.transfer.to", to), labelled("console.transfer.reason", reason), first, labelled("console.transfer.note", note)], {
    submit: t("console.act.transfer"),
    opener,
    onsubmit: async () => {
      const [field, id] = to.value.split(":");
      const asks = warm.checked && !first.hidden;
      await act(conversation.id, "transfer", { [field]: id, reason: reason.value, warm: asks, note: note.value.trim() });
      announce("toast", t(asks ? "console.transfer.asked" : "console.transfer.done"));
    },
  });
}

export function confirmResolve(conversation, opener) {
  const disposition = choice("console.disposition", DISPOSITIONS);
  show(t("console.resolve.title"), [labelled("console.resolve.disposition", disposition)], {
    submit: t("console.act.resolve"),
    opener,
    onsubmit: async () => {
      await act(conversation.id, "resolve", { disposition: disposition.value });
      announce("toast", t("console.resolve.done"));
    },
  });
}

/** Something to read, with a way out. */
export function showPanel(title, content, opener) {
  show(title, [content], { submit: "", opener, onsubmit: async () => {} });
}

export function showKeys() {
  const rows = KEYS.map(([keys, name]) => el("div", {}, el("dt", {}, el("kbd", { text: keys })), el("dd", { text: t(`console.key.${name}`) })));
  showPanel(t("console.key.keys"), el("dl", { class: "keys" }, ...rows));
}
