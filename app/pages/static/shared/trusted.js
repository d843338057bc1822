// The one place that hands an address to the browser as a script: the beat's worker file.
const policy = globalThis.trustedTypes?.createPolicy("switchboard", {
  createScriptURL(address) {
    const url = new URL(address, location.origin);
    if (url.origin !== location.origin || !url.pathname.startsWith("/assets/")) throw new TypeError("not one of our files");
    return url.href;
  },
});

export function startWorker(address) {
  try { return new Worker(policy ? policy.createScriptURL(address) : address); } catch { return null; }
}
