// Texts, plurals, dates and spans in the chosen language. The texts come from /assets/…/texts; none stands in code.
export const LANGUAGES = { en: "English", "zh-CN": "简体中文" };
const CHOICE = "switchboard.language";
const MINUTE = 60, HOUR = 3600, DAY = 86400;

let words = {};
const loaded = new Set();
let plural = new Intl.PluralRules("en");
export let language = "en";
const listeners = new Set();

/** Calls back after each change of language; answers the means to stop. */
export function onLanguage(callback) {
  listeners.add(callback);
  return () => listeners.delete(callback);
}

export function pickLanguage(...wishes) {
  for (const wish of wishes.flat()) {
    const found = Object.keys(LANGUAGES).find((tag) => wish && tag.split("-")[0] === wish.toLowerCase().split("-")[0]);
    if (found) return found;
  }
  return "en";
}

export function chosenLanguage(profile) {
  let choice = null;
  try { choice = localStorage.getItem(CHOICE); } catch { /* storage is barred: the browser's language serves */ }
  return pickLanguage(choice, profile, navigator.languages ?? [navigator.language]);
}

export function rememberLanguage(tag) {
  try { localStorage.setItem(CHOICE, tag); } catch { /* kept for this page only */ }
}

/** Fetches the page's texts and tells everybody who shows some. */
export async function load(base, page, tag) {
  const name = `${page}.${tag}`;
  if (!loaded.has(name)) {
    const response = await fetch(`${base}/texts/${name}.json`);
    // Added, not replaced: on one page a shop and its widget may share this module. Keys begin with their page's name.
    words = { ...words, ...(await response.json()) };
    for (const other of [...loaded].filter((one) => one.startsWith(`${page}.`))) loaded.delete(other);
    loaded.add(name);
  }
  language = tag;
  plural = new Intl.PluralRules(tag);
  for (const callback of listeners) callback(tag);
}

export function has(key) {
  return key in words;
}

/** The text of `key` with {placeholders} filled; with `count`, its plural form `key_one` or `key_other`. */
export function t(key, values = {}) {
  let text = words[key];
  if ("count" in values) text = words[`${key}_${plural.select(values.count)}`] ?? words[`${key}_other`] ?? text;
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (_, name) => (name === "count" ? number(values.count) : String(values[name] ?? "")));
}

export function number(value) {
  return new Intl.NumberFormat(language).format(value);
}

/** A share of a number that must stand beside it; none of nothing. */
export function percent(part, whole) {
  return whole ? new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 }).format(part / whole) : "–";
}

/** Today only the time; otherwise the day as well. */
export function moment(at, now = Date.now()) {
  const date = new Date(at);
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const sameDay = date.toDateString() === new Date(now).toDateString();
  const day = language.startsWith("zh") ? { month: "long", day: "numeric", weekday: "short" } : { day: "numeric", month: "short" };
  return new Intl.DateTimeFormat(language, sameDay ? clock : { ...day, ...clock }).format(date);
}

export function fullMoment(at) {
  return new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long", hourCycle: "h23" }).format(new Date(at));
}

export function clockTime(at) {
  return new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(new Date(at));
}

export function dayName(at) {
  return new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" }).format(new Date(at));
}

export function languageName(tag) {
  try { return new Intl.DisplayNames(language, { type: "language" }).of(tag.split("-")[0]); } catch { return tag; }
}

/** 0:42, 12:05, then hours and days in words. */
export function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)}:${String(whole % MINUTE).padStart(2, "0")}`;
  if (whole < DAY) return t("common.span_hours", { hours: Math.floor(whole / HOUR), minutes: Math.floor((whole % HOUR) / MINUTE) });
  return t("common.span_days", { days: Math.floor(whole / DAY), hours: Math.floor((whole % DAY) / HOUR) });
}

/** The name of a thing that has names by language. */
export function nameOf(thing) {
  return thing?.names?.[language] ?? thing?.names?.[language.split("-")[0]] ?? thing?.name ?? "";
}

/** Fills every [data-t] below `root`, and attributes by data-t-label, data-t-placeholder, data-t-title. */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of root.querySelectorAll("[data-t-label]")) element.setAttribute("aria-label", t(element.dataset.tLabel));
  for (const element of root.querySelectorAll("[data-t-placeholder]")) element.placeholder = t(element.dataset.tPlaceholder);
  for (const element of root.querySelectorAll("[data-t-title]")) element.title = t(element.dataset.tTitle);
}
