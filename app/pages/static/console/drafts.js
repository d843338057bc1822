// What was typed and not sent, by agent, conversation and mode, over reloads and crashes.
const DATABASE = "switchboard";
const STORE = "drafts";
const cache = new Map();
let database = null;
let agent = "";

const nameOf = (conversationId, mode) => `${agent}:${conversationId}:${mode}`;

function openDatabase() {
  return new Promise((resolve) => {
    let request;
    try { request = indexedDB.open(DATABASE, 1); } catch { return resolve(null); }
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => resolve(null);
  });
}

/** Reads all drafts of this agent, so that each later question is answered at once. */
export async function openDrafts(agentId) {
  agent = agentId;
  cache.clear();
  database ??= await openDatabase();
  const range = IDBKeyRange.bound(`${agentId}:`, `${agentId}:\uffff`);
  if (database) {
    await new Promise((resolve) => {
      const cursor = database.transaction(STORE).objectStore(STORE).openCursor(range);
      cursor.onsuccess = () => {
        if (!cursor.result) return resolve();
        cache.set(cursor.result.key, cursor.result.value);
        cursor.result.continue();
      };
      cursor.onerror = () => resolve();
    });
  }
  // The page's last words before it went: written where writing does not wait.
  for (const name of Object.keys(localStorage).filter((one) => one.startsWith(`draft:${agentId}:`))) {
    cache.set(name.slice(6), localStorage.getItem(name));
  }
}

export function draftOf(conversationId, mode) {
  return cache.get(nameOf(conversationId, mode)) ?? "";
}

export function saveDraft(conversationId, mode, text, { urgent = false } = {}) {
  const name = nameOf(conversationId, mode);
  if (text) cache.set(name, text);
  else cache.delete(name);
  if (urgent || !database) {
    if (text) localStorage.setItem(`draft:${name}`, text);
    else localStorage.removeItem(`draft:${name}`);
  } else localStorage.removeItem(`draft:${name}`);
  if (!database) return;
  const store = database.transaction(STORE, "readwrite").objectStore(STORE);
  if (text) store.put(text, name);
  else store.delete(name);
}

export function draftCount() {
  return cache.size;
}

export function clearDrafts() {
  for (const name of [...cache.keys()]) {
    const [, conversationId, mode] = name.split(":");
    saveDraft(conversationId, mode, "");
  }
}
