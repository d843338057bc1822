// Short synthesised tones. Browsers keep them silent until the first gesture: then the page says so.
const OFFER_EVERY_MS = 3000;
let context = null;
let timer = null;
let leader = !navigator.locks;
let asked = false;
export let volume = 0.4;

export function startSound(onchange) {
  const wake = () => {
    context ??= new AudioContext();
    context.resume().then(() => { lead(); onchange(); }, onchange);
  };
  for (const name of ["pointerdown", "keydown"]) addEventListener(name, wake, { capture: true });
  // The log-in was a gesture on this very page.
  if (navigator.userActivation?.hasBeenActive) wake();
  return wake;
}

/** One tab of an agent rings: whoever holds the lock, asked for once there is sound to ring with. */
function lead() {
  if (asked) return;
  asked = true;
  navigator.locks?.request("switchboard.ring", () => new Promise(() => { leader = true; }));
}

export function soundIsOn() {
  return context?.state === "running";
}

function tone(frequency, at, length) {
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  oscillator.frequency.value = frequency;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(volume, at + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.001, at + length);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(at);
  oscillator.stop(at + length);
}

function play(...notes) {
  if (!leader || !soundIsOn()) return;
  notes.forEach((frequency, index) => tone(frequency, context.currentTime + index * 0.16, 0.22));
}

export function ringOffers(on) {
  if (!on) {
    clearInterval(timer);
    timer = null;
  } else if (!timer) {
    play(660, 880);
    timer = setInterval(() => play(660, 880), OFFER_EVERY_MS);
  }
}

export function chimeMessage() {
  play(520);
}

export function chimeWarning() {
  play(740, 590);
}
