// HTTP calls to the public API, and problem documents in the reader's words.
import { has, t } from "./i18n.js";
import { Problem } from "./socket.js";

const TIMEOUT_MS = 15000;
let serverAhead = 0;

/** The server's time by its latest answer, to the second: this machine's clock may be wrong. */
export function serverNow() {
  return Date.now() + serverAhead;
}

export async function call(method, path, body, { key, token, version } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  if (version !== undefined && version !== null) headers["If-Match"] = String(version);
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: token ? "omit" : "same-origin",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new Problem({ code: "network", status: 0 });
  }
  const told = Date.parse(response.headers.get("Date"));
  if (told) serverAhead = told - Date.now();
  const text = await response.text();
  let answer = null;
  try { answer = text ? JSON.parse(text) : null; } catch { /* not ours: judged by its status below */ }
  if (!response.ok) throw new Problem({ status: response.status, title: response.statusText, code: "unknown", ...(answer ?? {}) });
  return answer;
}

/** Every item of a list, page after page, up to `most`. */
export async function all(path, most = 500) {
  const items = [];
  let cursor = null;
  do {
    const join = path.includes("?") ? "&" : "?";
    const page = await call("GET", cursor ? `${path}${join}cursor=${encodeURIComponent(cursor)}` : path);
    if (Array.isArray(page)) return page;
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor && items.length < most);
  return items;
}

/** What to tell the person: by code, else by kind of status, else the title with the request id. */
export function explain(problem) {
  const document = problem.document ?? {};
  const values = { seconds: document.retry_after_seconds ?? 5, title: document.title ?? problem.message, id: document.request_id ?? "" };
  if (has(`problem.${problem.code}`)) return t(`problem.${problem.code}`, values);
  if (has(`problem.${problem.status}`)) return t(`problem.${problem.status}`, values);
  return t(problem.status >= 500 ? "problem.server" : "problem.other", values);
}
