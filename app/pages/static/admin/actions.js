// What a threshold may do, as the API's own description lists it: an action the server learns is offered here at once.
import { call } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { has, t } from "../shared/i18n.js";
import { choices, word } from "./names.js";
import { field, listOf, say } from "./parts.js";

const MOST = 10;
const REF = "#/components/schemas/";

function resolve(schema, schemas) {
  if (schema.$ref) return resolve(schemas[schema.$ref.slice(REF.length)], schemas);
  const real = schema.anyOf?.find((one) => one.type !== "null");
  return real ? { ...resolve(real, schemas), optional: true } : schema;
}

/** Name of an action to the schemas of its fields. */
export function actionsOf(document) {
  const { schemas } = document.components;
  const threshold = schemas.Threshold ?? schemas["Threshold-Input"];
  const variants = resolve(threshold.properties.actions, schemas).items;
  const found = (variants.oneOf ?? [variants]).map((one) => resolve(one, schemas));
  return new Map(found.map(({ properties: { do: name, ...fields }, required = [] }) => [name.const ?? name.enum[0],
    Object.entries(fields).map(([part, schema]) => ({ part, ...resolve(schema, schemas), needed: required.includes(part) }))]));
}

export async function loadActions() {
  return actionsOf(await call("GET", "/openapi.json"));
}

/** { element, read } of one field of an action; what it is made of is up to its schema. */
function control({ part, type, format, enum: values, const: only, needed, minimum, maximum, maxLength, default: fallback }, value) {
  const present = value ?? fallback;
  if (only !== undefined) return null;
  const options = values?.map((one) => [one, word(`admin.value.${one}`)]) ?? (format === "uuid" ? choices(part) : null);
  if (options) {
    const select = el("select", {}, !needed && el("option", { value: "", text: "–" }), ...options.map(([id, text]) => el("option", { value: id, text })));
    select.value = present ?? (needed ? options[0]?.[0] ?? "" : "");
    return { control: select, read: () => select.value || null };
  }
  if (type === "boolean") {
    const box = el("input", { type: "checkbox", checked: Boolean(present) });
    return { control: box, read: () => box.checked };
  }
  const isNumber = type === "integer" || type === "number";
  const input = el("input", { value: present ?? "", autocomplete: "off", ...(isNumber ? { type: "number", min: minimum ?? "", max: maximum ?? "" } : { maxLength: maxLength ?? 200 }) });
  return { control: input, read: () => (input.value === "" ? null : isNumber ? Number(input.value) : input.value) };
}

function fieldOf(action, schema, value) {
  const made = control(schema, value);
  if (!made) return null;
  const own = `admin.field_of.${action}.${schema.part}`;
  const key = has(own) ? own : `admin.field.${schema.part}`;
  const element = field(schema.part, key, made.control, schema.pattern ? "admin.policy.code_hint" : null);
  if (!has(key)) {  // a field of a later server: its own name has to do
    const label = element.querySelector("label");
    label.removeAttribute("data-t");
    label.textContent = word(`admin.field.${schema.part}`);
  }
  return { part: schema.part, element, read: made.read };
}

function actionRow(known, given) {
  const select = el("select", {}, ...[...known.keys()].map((name) => el("option", { value: name, text: word(`admin.action.${name}`) })));
  const place = el("div", { class: "inline" });
  let fields = [];
  const draw = (value) => {
    fields = known.get(select.value).map((schema) => fieldOf(select.value, schema, value[schema.part])).filter(Boolean);
    place.replaceChildren(...fields.map((one) => one.element));
  };
  select.value = given.do;
  select.addEventListener("input", () => draw({}));
  draw(given);
  const read = () => Object.fromEntries([["do", select.value], ...fields.map((one) => [one.part, one.read()]).filter(([, value]) => value !== null)]);
  return { element: el("div", { class: "inline action" }, field("do", "admin.policy.action", select), place), read };
}

export function actionList(known, values) {
  const list = listOf(values, (value) => actionRow(known, value), { add: "admin.policy.add_action", remove: "admin.policy.remove_action", fresh: () => ({ do: [...known.keys()][0] }), most: MOST });
  return { element: el("div", { class: "nested", data: { part: "actions" } }, say("span", "admin.policy.then", { class: "soft" }), list.element), read: list.read };
}
