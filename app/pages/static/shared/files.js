// Files: on their way up with a message that is being written, and in messages. The console and the widget share it.
import { el, icon, reconcile, set, setText } from "./dom.js";
import { language, t } from "./i18n.js";
import { newId, Problem } from "./socket.js";

export const MOST_FILES = 10;
const MOST_BYTES = 20 * 1024 * 1024;
const PICTURES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"]);

/** 1234567 as "1.2 MB", in the reader's language. */
export function sizeText(bytes) {
  const large = bytes >= 1e6;
  const format = { style: "unit", unit: large ? "megabyte" : "kilobyte", unitDisplay: "short", maximumFractionDigits: large ? 1 : 0 };
  return new Intl.NumberFormat(language, format).format(large ? bytes / 1e6 : Math.ceil(bytes / 1000));
}

/** Sends one file. `fetch` cannot tell how far it is, hence the older interface. */
async function upload(entry, { url, headers }, progressed) {
  const sent = await headers();
  const request = new XMLHttpRequest();
  entry.abort = () => request.abort();
  const form = new FormData();
  form.append("file", entry.file, entry.name);
  request.open("POST", url);
  for (const [name, value] of Object.entries(sent)) request.setRequestHeader(name, value);
  request.upload.addEventListener("progress", (event) => event.lengthComputable && progressed(event.loaded / event.total));
  return new Promise((resolve, reject) => {
    request.addEventListener("error", () => reject(new Problem({ code: "network", status: 0 })));
    request.addEventListener("load", () => {
      let answer = null;
      try { answer = JSON.parse(request.responseText); } catch { /* not ours: judged by its status below */ }
      if (request.status === 201) resolve(answer);
      else reject(new Problem({ status: request.status, code: "unknown", ...(answer ?? {}) }));
    });
    request.send(form);
  });
}

/** What goes with the message being written: each file with its progress, its mistake, and the way to take it out. */
export class Tray {
  /** `words` are the page's keys; `explain` tells a Problem in the page's words; `changed` is called after each change. */
  constructor({ url, headers = async () => ({}), words, explain, changed }) {
    Object.assign(this, { to: { url, headers }, words, explain, changed });
    this.entries = [];
    this.element = el("ul", { class: "tray", hidden: true });
  }

  add(files) {
    for (const file of files) {
      const entry = { key: newId(), file, name: file.name || "image.png", size_bytes: file.size, done: 0 };
      if (this.entries.length >= MOST_FILES) entry.problem = new Problem({ code: "too_many_attachments", status: 422 });
      else if (file.size > MOST_BYTES) entry.problem = new Problem({ code: "file_too_large", status: 413 });
      else this.start(entry);
      this.entries.push(entry);
    }
    this.draw();
  }

  start(entry) {
    entry.problem = null;
    upload(entry, this.to, (done) => { entry.done = done; this.draw(); }).then(
      (stored) => { entry.stored = stored; },
      (problem) => { entry.problem = problem; },
    ).finally(() => this.draw());
  }

  remove(entry) {
    if (!entry.stored) entry.abort?.();
    this.entries = this.entries.filter((one) => one !== entry);
    this.draw();
  }

  /** True when everything in it has arrived, so that the message may go. */
  ready() {
    return this.entries.every((entry) => entry.stored);
  }

  get empty() {
    return this.entries.length === 0;
  }

  /** The stored files' descriptions; the tray is empty then. */
  take() {
    const stored = this.entries.map((entry) => entry.stored);
    this.entries = [];
    this.draw();
    return stored;
  }

  /** Back from a message that could not be sent. */
  putBack(files) {
    this.entries = [...files.map((stored) => ({ key: stored.id, name: stored.name, size_bytes: stored.size_bytes, stored })), ...this.entries];
    this.draw();
  }

  draw() {
    this.element.hidden = this.empty;
    reconcile(this.element, this.entries, (entry) => entry.key, (entry) => this.make(entry), (item, entry) => this.update(item, entry));
    this.changed();
  }

  make(entry) {
    const parts = {
      name: el("span", { class: "file-name", text: entry.name }),
      state: el("span", { class: "file-size" }),
      bar: el("progress", { max: 1 }),
      remove: el("button", { class: "file-remove", type: "button", onclick: () => this.remove(entry) }, icon("close", true)),
    };
    const item = el("li", {}, parts.name, parts.state, parts.bar, parts.remove);
    item.parts = parts;
    return item;
  }

  update(item, entry) {
    const { state, bar, remove } = item.parts;
    item.classList.toggle("failed", Boolean(entry.problem));
    setText(state, entry.problem ? this.explain(entry.problem) : sizeText(entry.size_bytes));
    set(bar, { value: entry.done ?? 1, hidden: Boolean(entry.stored || entry.problem), "aria-label": entry.name });
    const label = t(this.words.remove, { name: entry.name });
    set(remove, { "aria-label": label, title: label });
  }
}

// A picture asks for its link when it comes into sight: a link lasts ten minutes, a long thread much longer.
const sights = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    sights.unobserve(target);
    target.linkOf().then((url) => { target.src = url; }, () => target.closest("li")?.classList.add("failed"));
  }
});

async function follow(file, linkOf) {
  const link = el("a", { href: await linkOf(file), download: file.name, target: "_blank", rel: "noopener noreferrer" });
  link.click();
}

/** Draws a message's files into `list`. `linkOf(file)` resolves to an address that is good for some minutes. */
export function drawFiles(list, files, linkOf) {
  list.hidden = !files.length;
  reconcile(list, files, (file) => file.id, (file) => {
    const picture = PICTURES.has(file.media_type);
    const button = el("button", { class: picture ? "file picture" : "file", type: "button", title: file.name,
      onclick: () => follow(file, linkOf).catch(() => item.classList.add("failed")) });
    const item = el("li", {}, button);
    if (picture) {
      // Its place is kept by the style sheet, so that nothing jumps when it comes.
      const image = el("img", { alt: file.name });
      image.linkOf = () => linkOf(file);
      button.append(image);
      sights.observe(image);
    }
    button.append(el("span", { class: "file-name", text: file.name }), el("span", { class: "file-size", text: sizeText(file.size_bytes) }));
    return item;
  });
}
