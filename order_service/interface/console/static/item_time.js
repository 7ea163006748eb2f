// The time that is looked at: how long, and until when.

import { local, now } from "./clock.js";
import { h, replace } from "./dom.js";

const MINUTE = 60;
const DAY = 24 * 60 * MINUTE;
// every: seconds between two readings; in a long time nothing moves soon.
const RANGES = [
  { key: "15m", text: "15 minutes", seconds: 15 * MINUTE, every: 5 },
  { key: "hour", text: "Hour", seconds: 60 * MINUTE, every: 5 },
  { key: "day", text: "Day", seconds: DAY, every: 5 },
  { key: "week", text: "Week", seconds: 7 * DAY, every: 15 },
  { key: "month", text: "Month", seconds: 30 * DAY, every: 30 },
  { key: "3months", text: "3 months", seconds: 91 * DAY, every: 30 },
  { key: "year", text: "Year", seconds: 365 * DAY, every: 30 },
];
const USUAL = "day";

/** range: one of RANGES. until: ms, or null for a time that goes on. */
class Seen {
  constructor(range, until = null) {
    this.range = range;
    this.until = until !== null && until < now() ? until : null;
  }

  get query() {
    return { range: this.range.key, until: this.until && iso(this.until) };
  }

  /** Seconds between two readings; null where nothing can change any more. */
  get every() {
    return this.until === null ? this.range.every : null;
  }

  end() {
    return this.until ?? now();
  }

  /** ISO 8601. */
  from() {
    return iso(this.end() - this.range.seconds * 1000);
  }

  /** ISO 8601; null for a time that goes on. */
  to() {
    return this.until && iso(this.until);
  }

  of(key) {
    return new Seen(rangeOf(key), this.until);
  }

  /** So many ranges on, or back. */
  on(number) {
    return new Seen(this.range, this.end() + number * this.range.seconds * 1000);
  }

  /** The shortest range, with a moment in its middle. at: ISO 8601. */
  around(at) {
    return new Seen(RANGES[0], Date.parse(at) + RANGES[0].seconds * 500);
  }
}

const iso = (at) => new Date(at).toISOString();
const rangeOf = (key) => RANGES.find((range) => range.key === key) ?? rangeOf(USUAL);

/** What the query of an address names. */
export function seenIn(query) {
  const until = Date.parse(query.get("until") ?? "");
  return new Seen(rangeOf(query.get("range")), Number.isNaN(until) ? null : until);
}

/** The buttons that choose it: element, show(seen), focus(). choose: called with what is chosen. */
export function rangeChoice(choose) {
  let seen = null;
  const ranges = RANGES.map(({ key, text }) =>
    h("button", { type: "button", "data-key": key, onclick: () => choose(seen.of(key)) }, text));
  const earlier = h("button", { type: "button", onclick: () => choose(seen.on(-1)) }, "Earlier");
  const later = h("button", { type: "button", onclick: () => seen.until !== null && choose(seen.on(1)) }, "Later");
  const said = h("p", { class: "quiet" });

  function show(shown) {
    seen = shown;
    for (const button of ranges) button.setAttribute("aria-pressed", button.dataset.key === seen.range.key);
    // A disabled button would lose the keyboard.
    later.setAttribute("aria-disabled", seen.until === null);
    replace(said, seen.until === null ? "Up to now, as it goes on." : `${local(seen.from())} to ${local(seen.to())}`);
  }

  const element = h("div", {},
    h("div", { class: "choices", role: "group", "aria-label": "Time" }, ranges, earlier, later), said);
  return { element, show, focus: () => ranges.find((button) => button.dataset.key === seen.range.key).focus() };
}
