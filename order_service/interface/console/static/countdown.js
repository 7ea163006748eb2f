// How long a hold still lasts, by the service's clock.

import { now, span } from "./clock.js";
import { announce, h } from "./dom.js";

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
// At so many seconds before the end it is said to those who can't see it.
const SAID = [300, 60, 10];

/** A time that runs while countDown is at work on the page. until: as the API has it. */
export function countdown(until) {
  return h("span", { role: "timer", class: "countdown", "data-until": until }, words(secondsTo(until)));
}

/** Lets the time in the page run, until the signal. */
export function countDown(page, signal) {
  let before = {};

  function tick() {
    const timer = page.querySelector("[data-until]");
    if (!timer) return;
    const { until } = timer.dataset;
    const left = secondsTo(until);
    const text = words(left);
    if (timer.textContent !== text) timer.textContent = text;
    if (before.until === until) say(before.left, left);
    before = { until, left };
  }

  const timer = setInterval(tick, 250);
  signal.addEventListener("abort", () => clearInterval(timer));
}

function say(before, left) {
  if (before > 0 && left <= 0) announce("The hold is over.");
  const mark = SAID.findLast((seconds) => before > seconds && left <= seconds);
  if (mark && left > 0) announce(`The hold is over in ${span(mark)}.`);
}

const secondsTo = (until) => Math.ceil((Date.parse(until) - now()) / 1000);

/** "ends in 14 min 59 s": each unit from the largest that is needed. */
function words(seconds) {
  if (seconds <= 0) return "is over: its end is recorded next, and until then the order can be confirmed";
  let left = seconds;
  const parts = UNITS.map(([unit, size]) => {
    const amount = Math.floor(left / size);
    left %= size;
    return [amount, unit];
  });
  const needed = parts.slice(parts.findIndex(([amount]) => amount));
  return `ends in ${needed.map((part) => part.join(" ")).join(" ")}`;
}
