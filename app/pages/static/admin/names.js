// Ids, metrics and spans of time in words; what the history and a conflict show.
import { all } from "../shared/api.js";
import { has, nameOf, t } from "../shared/i18n.js";
import { durationText } from "./durations.js";

const known = { team_id: new Map(), agent_id: new Map(), queue_id: new Map(), calendar_id: new Map(), skill_id: new Map(), channel_account_id: new Map() };
const PATHS = { team_id: "/v1/teams", agent_id: "/v1/agents", queue_id: "/v1/queues", calendar_id: "/v1/sla/calendars" };
/** Asked for only where a section shows them: not everybody who administers may read them. */
const MOST = 2000;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
/** What an empty value of these means. */
const UNSET = { calendar_id: "admin.policy.round_the_clock", last_agent_memory_seconds: "admin.queues.usual", last_agent_hold_seconds: "admin.queues.usual" };
const MORE_PATHS = { skill_id: "/v1/skills", channel_account_id: "/v1/channel-accounts" };

/** Everything that has an id and a name, asked anew, and of the rest what `more` names; what may not be read has no names. */
export async function loadNames(...more) {
  const asked = [...Object.entries(PATHS), ...Object.entries(MORE_PATHS).filter(([field]) => more.includes(field))];
  await Promise.all(asked.map(async ([field, path]) => {
    const things = await all(`${path}?limit=100`, MOST).catch(() => []);
    known[field] = new Map(things.filter((one) => !one.synthetic && !one.disabled_at).map((one) => [one.id, nameOf(one)]));
  }));
}

/** [id, name] of all teams, agents, queues, calendars, skills or channel accounts, by name. */
export function choices(field) {
  return [...known[field]].sort((one, other) => one[1].localeCompare(other[1]));
}

export function personName(actor) {
  const [kind, id] = actor.split(":");
  if (actor === "shipped") return t("admin.history.shipped");
  return known.agent_id.get(id) ?? t(has(`admin.history.by.${kind}`) ? `admin.history.by.${kind}` : "admin.history.by.other");
}

export function nameById(id) {
  for (const names of Object.values(known)) if (names.has(id)) return names.get(id);
  return t("admin.gone");
}

/** The name of a value of one of the API's fixed lists; a later server may know more of them. */
export function word(key) {
  return has(key) ? t(key) : key.slice(key.lastIndexOf(".") + 1).replaceAll("_", " ");
}

export function fieldWords(path) {
  return path.split(".").filter((name) => name !== "body" && name !== "spec").map((name) => (UUID.test(name) ? nameById(name) : /^\d/.test(name) ? name : word(`admin.field.${name}`))).join(" · ");
}

/** A step of a queue's overflow: when, and what then. */
function stepWords({ when, do: does }) {
  const [[trigger, over]] = Object.entries(when), [[kind, what]] = Object.entries(does);
  const said = [word(`admin.overflow.when.${trigger}`), ...(over === true ? [] : [valueWords(trigger, over)])];
  return t("admin.pair", { name: said.join(" "), value: `${word(`admin.overflow.do.${kind}`)} “${valueWords(kind, what)}”` });
}

/** A value of the API's documents as a reader would write it. */
export function valueWords(path, value) {
  const name = path.split(".").at(-1);
  if (value === null && name in UNSET) return t(UNSET[name]);
  if (value === null || value === undefined || value === "") return "–";
  if (Array.isArray(value)) return value.length ? value.map((each) => valueWords(path.replace(/s$/, ""), each)).join(t("admin.between")) : "–";
  if (value.when && value.do) return stepWords(value);
  if (typeof value === "object") return Object.entries(value).filter(([, each]) => each !== null && !(Array.isArray(each) && !each.length)).map(([key, each]) => t("admin.pair", { name: fieldWords(key), value: valueWords(key, each) })).join(t("admin.and"));
  if (typeof value === "boolean") return t(value ? "admin.yes" : "admin.no");
  if (name.endsWith("seconds")) return durationText(value);
  if (name === "wrap_up") return word(`admin.queues.wrap_up.${value}`);
  if (name === "policy") return word(`admin.queues.policy.${value}`);
  if (UUID.test(value)) return nameById(value);
  if (["metric", "frozen", "date", "dates"].includes(name)) return word(`admin.metric.${value}`);
  if (name === "when") return word(`admin.ack.when.${value}`);
  if (name === "do") return word(`admin.action.${value}`);
  if (name === "to" && typeof value === "string") return word(`admin.value.${value}`);
  return String(value);
}
