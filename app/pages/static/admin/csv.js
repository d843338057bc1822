// A table as a file, made by the browser itself.
const MARK = "\uFEFF";

/** A text that a spreadsheet would run as a formula is made plain by an apostrophe. */
function quoted(value) {
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return `"${text.replaceAll('"', '""')}"`;
}

export function csvText(rows) {
  // The byte order mark tells spreadsheets that it is UTF-8.
  return MARK + rows.map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
}

export function download(name, rows) {
  const address = URL.createObjectURL(new Blob([csvText(rows)], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  Object.assign(link, { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 0);
}
