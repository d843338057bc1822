// Shows our own description of the sockets and webhooks: each message with its example and its schema.
import { el } from "../shared/dom.js";

const SIGNS = { receive: "→", send: "←" };

/** What a pointer such as "#/channels/widgetSocket" points to. */
function at(doc, pointer) {
  return pointer.slice(2).split("/").reduce((found, part) => found[part], doc);
}

/** The same with what is referred to in its place. Our schemas never hold themselves. */
function whole(doc, value) {
  if (Array.isArray(value)) return value.map((each) => whole(doc, each));
  if (value === null || typeof value !== "object") return value;
  if (typeof value.$ref === "string") return whole(doc, at(doc, value.$ref));
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, whole(doc, each)]));
}

/** A message unfolds into its example and its schema, written only when it is opened. */
function drawMessage(doc, pointer, sign) {
  const message = at(doc, at(doc, pointer).$ref);
  const title = message.name.endsWith(message.title) ? "" : message.title;
  const details = el("details", {}, el("summary", {}, `${sign} `, el("code", {}, message.name), ` ${title}`));
  const draw = () => {
    const shown = [message.examples[0].payload, whole(doc, message.payload)];
    details.append(...shown.map((value) => el("pre", { tabIndex: 0 }, el("code", {}, JSON.stringify(value, null, 2)))));
  };
  details.addEventListener("toggle", draw, { once: true });
  return details;
}

/** Each message of a channel once, with the sign of its direction: pointer to sign, in the order of the operations. */
function messagesOf(doc, name) {
  const found = new Map();
  for (const operation of Object.values(doc.operations)) {
    if (operation.channel.$ref !== `#/channels/${name}`) continue;
    for (const { $ref } of operation.messages) found.set($ref, SIGNS[operation.action]);
    for (const { $ref } of operation.reply?.messages ?? []) found.set($ref, SIGNS.send);
  }
  return [...found];
}

function drawChannel(doc, name, channel) {
  const codes = (channel["x-close-codes"] ?? []).flatMap(({ code, meaning }) => [
    el("dt", {}, String(code)),
    el("dd", {}, meaning),
  ]);
  return el(
    "section",
    {},
    el("h2", {}, `${channel.title} ${channel.address ?? ""}`),
    ...messagesOf(doc, name).map(([pointer, sign]) => drawMessage(doc, pointer, sign)),
    codes.length > 0 && el("dl", {}, ...codes),
  );
}

async function start() {
  const doc = await (await fetch("/asyncapi.json")).json();
  document.querySelector("#protocol").append(
    el("h1", {}, `${doc.info.title} ${doc.info.version}`),
    el("p", {}, doc.info.description),
    ...Object.entries(doc.channels).map(([name, channel]) => drawChannel(doc, name, channel)),
  );
}
start();
