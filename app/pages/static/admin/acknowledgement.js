// The automatic acknowledgement of each channel account: when it is sent, and in which words.
import { all, call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { languageName, t } from "../shared/i18n.js";
import { loadNames, nameById, word } from "./names.js";
import { say } from "./parts.js";
import { table } from "./tables.js";

export async function open(place, [id]) {
  const me = await call("GET", "/v1/me");
  if (!me.scopes.includes("channels:write")) return openRefusal(place);
  const [accounts] = await Promise.all([all("/v1/channel-accounts"), loadNames()]);
  if (!id) return openList(place, accounts.filter((one) => !one.synthetic));
  const account = accounts.find((one) => one.id === id);
  if (!account) { location.hash = "acknowledgement"; return null; }
  const [{ openEditor }, shipped] = await Promise.all([import("./acknowledgement-editor.js"), call("GET", "/v1/acknowledgement-texts")]);
  return openEditor(place, account, shipped);
}

function openRefusal(place) {
  place.replaceChildren(say("h2", "admin.section.acknowledgement"), el("div", { class: "empty" }, say("p", "admin.ack.admins_only")));
  return { redraw: () => {} };
}

function openList(place, accounts) {
  const draw = () => {
    const rows = accounts.map((one) => el("tr", {}, el("th", { scope: "row" }, el("a", { href: `#acknowledgement/${one.id}`, text: one.name })),
      el("td", { text: word(`admin.channel.${one.kind}`) }), el("td", { class: "wrap", text: nameById(one.queue_id) }), el("td", { class: "wrap", text: t(`admin.ack.when.${one.acknowledgement.when}`) }),
      el("td", { class: "wrap", text: Object.keys(one.acknowledgement.texts).map(languageName).join(t("admin.between")) || t("admin.ack.shipped") })));
    place.replaceChildren(el("div", { class: "head" }, say("h2", "admin.section.acknowledgement")), say("p", "admin.ack.about", { class: "soft" }),
      table(t("admin.section.acknowledgement"), ["admin.field.name", "admin.by.channel", "admin.field.queue_id", "admin.ack.when", "admin.ack.texts"], rows));
  };
  draw();
  return { redraw: draw };
}
