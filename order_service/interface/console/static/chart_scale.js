// The two axes of a chart: round values, and round times in the reader's zone.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MONTH = 30 * DAY;
const YEAR = 365 * DAY;

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const SECONDS = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DATE = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const IN_YEAR = new Intl.DateTimeFormat(undefined, { month: "short" });
const FULL = new Intl.NumberFormat(undefined, { maximumFractionDigits: 9 });
const COMPACT = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 2 });
const LONG_LABEL = 7;

// length: in ms, about. place: the time of the tick k, counted from one at or before a date. Times are
// counted on the calendar where a day of 23 hours would shift them.
const STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((n) => even(n * SECOND)),
  ...[1, 2, 5, 10, 15, 30].map((n) => even(n * MINUTE)),
  even(HOUR),
  ...[2, 3, 6, 12].map((n) => ({
    length: n * HOUR, place: (d, k) => new Date(d.getFullYear(), d.getMonth(), d.getDate(), k * n),
  })),
  ...[1, 2, 7, 14].map((n) => ({
    length: n * DAY, place: (d, k) => new Date(d.getFullYear(), d.getMonth(), monday(d) + k * n),
  })),
  ...[1, 2, 3, 6].map((n) => ({
    length: n * MONTH, place: (d, k) => new Date(d.getFullYear(), Math.floor(d.getMonth() / n) * n + k * n, 1),
  })),
  { length: YEAR, place: (d, k) => new Date(d.getFullYear() + k, 0, 1) },
];

function even(length) {
  return {
    length,
    place: (d, k) => {
      const zone = d.getTimezoneOffset() * MINUTE;
      return new Date((Math.floor((d - zone) / length) + k) * length + zone);
    },
  };
}

const monday = (date) => date.getDate() - ((date.getDay() + 6) % 7);

/** [{at: ms, text}] between two times in ms: at most so many, and a few more over many years. */
export function timeTicks(from, to, most) {
  const step = STEPS.find(({ length }) => (to - from) / length <= most) ?? STEPS.at(-1);
  const start = new Date(from);
  const ticks = [];
  for (let k = 0, at = 0; at <= to && ticks.length < 100; k += 1) {
    at = step.place(start, k).valueOf();
    if (at >= from && at <= to) ticks.push({ at, text: textOf(new Date(at), step.length) });
  }
  return ticks;
}

function textOf(date, length) {
  if (length >= YEAR) return String(date.getFullYear());
  if (length >= MONTH) return date.getMonth() ? IN_YEAR.format(date) : String(date.getFullYear());
  if (length >= DAY) return DATE.format(date);
  if (length < MINUTE) return SECONDS.format(date);
  return date.getHours() || date.getMinutes() ? CLOCK.format(date) : DATE.format(date);
}

/** [{value, text}] that reach around all the values, in at most about so many steps. The axis begins
 * at 0 unless the values are close together and far from it. */
export function valueTicks(values, most) {
  let low = values.reduce((least, value) => Math.min(least, value), Infinity);
  let high = values.reduce((largest, value) => Math.max(largest, value), -Infinity);
  if (low === high || (low > 0 && low <= high / 2)) low = Math.min(0, low);
  if (low === high || high < 0) high = Math.max(high, low === 0 ? 1 : 0);
  const isWhole = values.every(Number.isInteger);
  const step = isWhole ? Math.max(1, round((high - low) / most)) : round((high - low) / most);
  const first = Math.floor(low / step);
  const number = Math.ceil(high / step) - first;
  const ticks = Array.from({ length: number + 1 }, (_, k) => cleaned((first + k) * step, isWhole));
  return labelled(ticks);
}

function round(size) {
  const power = 10 ** Math.floor(Math.log10(size));
  return [1, 2, 5, 10].find((n) => n * power >= size * 0.999999) * power;
}

// 0.1 + 0.2 is 0.30000000000000004.
const cleaned = (value, isWhole) => (isWhole ? value : Number(value.toPrecision(12)));

function labelled(values) {
  const full = values.map((value) => FULL.format(value));
  const compact = values.map((value) => COMPACT.format(value));
  const isLong = full.some((text) => text.length > LONG_LABEL);
  const texts = isLong && new Set(compact).size === values.length ? compact : full;
  return values.map((value, place) => ({ value, text: texts[place] }));
}
