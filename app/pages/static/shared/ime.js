// Tells a key meant for the input method from one meant for the page.
const AFTER_COMPOSITION_MS = 50;

/** Watches `field`; the answer is asked of each keydown: true while it belongs to the input method. */
export function watchComposition(field) {
  let composing = false;
  let endedAt = -Infinity;
  field.addEventListener("compositionstart", () => { composing = true; });
  field.addEventListener("compositionend", (event) => { composing = false; endedAt = event.timeStamp; });
  // Safari ends the composition before the keydown of the Enter that ended it: hence the 50 ms.
  return (event) => composing || event.isComposing || event.keyCode === 229
    || (event.timeStamp !== undefined && event.timeStamp - endedAt < AFTER_COMPOSITION_MS);
}
