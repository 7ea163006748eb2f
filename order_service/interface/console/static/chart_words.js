// What a chart says in words: its legend, its summary, and what is at the cursor.

import { local } from "./clock.js";
import { sample } from "./chart_drawing.js";
import { h } from "./dom.js";
import { counted } from "./shown.js";

const MOST_TOLD = 10;
const VALUE = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 15 });

/** values: one of each series, or null; texts: those that there are; and the moments at this time. */
export function foundAt({ series, marks, highlight, unit }, at) {
  const values = series.map((one) => valueAt(one, at));
  const named = (text, place) => (series.length > 1 ? `${series[place].name} ${text}` : text);
  const texts = values.map((value, place) => value !== null && named(withUnit(value, unit), place));
  const here = (one) => one.at === at;
  return { values, texts: texts.filter(Boolean), marks: marks.filter(here), highlight: highlight.filter(here) };
}

function valueAt({ points, kind }, at) {
  const found = kind === "step" ? points.findLast(([time]) => time <= at) : points.find(([time]) => time === at);
  return found?.[1] ?? null;
}

/** What is at the cursor, as one text. */
export function said(at, { texts, marks, highlight }) {
  const moments = [...highlight, ...marks].map(({ text }) => text);
  return [`${local(at)}: ${texts.join(", ") || "no value"}`, ...moments].join("; ");
}

const withUnit = (value, unit) => VALUE.format(value) + (unit && ` ${unit}`);

/** The same for the eye; the marks are links. */
export function readoutOf(at, { texts, marks, highlight }) {
  return h("p", {},
    h("span", { class: "quiet" }, local(at)), " ",
    h("span", { class: "strong" }, texts.join(", ") || "no value"),
    highlight.map(({ text }) => [" ", h("span", { class: "status bad" }, text)]),
    marks.map(({ text, href }) => [" ", h("a", { href }, text)]));
}

export function legendOf({ series, marks, highlight, names }) {
  const entry = (what, text) => h("li", {}, sample(what), " ", text);
  return [
    series.length > 1 && series.map(({ name }, place) => entry(place, name)),
    highlight.length > 0 && names.highlight && entry("highlight", names.highlight),
    marks.length > 0 && names.marks && entry("mark", names.marks),
  ];
}

/** The whole of it, for those who do not see it. */
export function summaryOf({ title, from, to, series, marks, highlight, unit, names }) {
  return [
    `${title}, from ${local(from)} to ${local(to)}.`,
    ...series.map((one) => summed(one, unit)),
    ...(highlight.length ? [`${names.highlight ?? "Standing out"}: ${told(highlight)}.`] : []),
    ...(marks.length ? [`${names.marks ?? "Marked"}: ${marks.length}.`] : []),
  ].join(" ");
}

function told(moments) {
  const first = moments.slice(0, MOST_TOLD).map(({ at, text }) => `${local(at)}, ${text}`);
  return first.join("; ") + (moments.length > MOST_TOLD ? `; and ${moments.length - MOST_TOLD} more` : "");
}

function summed({ name, points }, unit) {
  const found = points.filter(([, value]) => value !== null);
  if (!found.length) return `${name}: no value.`;
  const least = found.reduce((one, other) => (other[1] < one[1] ? other : one));
  const most = found.reduce((one, other) => (other[1] > one[1] ? other : one));
  const text = ([, value]) => withUnit(value, unit);
  return `${name}: ${counted(found.length, "value")}, at first ${text(found[0])}, at last ${text(found.at(-1))}, ` +
    `least ${text(least)} (${local(least[0])}), most ${text(most)} (${local(most[0])}).`;
}
