// What of a chart is drawn. Colours and dashes are in console.css, by class.

import { newId, replace, s } from "./dom.js";
import { timeTicks, valueTicks } from "./chart_scale.js";

const COLOURS = 4;
const DASHES = 6;
const LETTER = 7;

/** A series' class: two series have the same only beyond twelve. */
export const look = (place) => `colour-${(place % COLOURS) + 1} dash-${(place % DASHES) + 1}`;

/** Draws it all anew, in so many pixels. Answers the frame: left, right, top, bottom, and x and y,
 * which give a time's and a value's place. */
export function draw(svg, shown, width) {
  const frame = frameOf(shown, width);
  const named = newId("chart");
  for (const [name, value] of Object.entries({
    width, height: frame.height, viewBox: `0 0 ${width} ${frame.height}`, "aria-labelledby": named,
  })) svg.setAttribute(name, value);
  replace(svg,
    s("title", { id: named }, shown.title),
    s("desc", {}, "The time runs to the right. A summary in words follows, and a cursor that the arrow keys move."),
    valueAxis(frame, shown.unit), timeAxis(frame),
    shown.highlight.map((one) => highlighted(frame, one)),
    shown.series.map((one, place) => drawn(frame, one, place)),
    shown.marks.map((one) => mark(frame, one)));
  return frame;
}

function frameOf({ from, to, series, unit, marks }, width) {
  const height = width < 480 ? 210 : 270;
  const values = valueTicks(series.flatMap(({ points }) => points.map(([, value]) => value)).filter(isValue), 5);
  const longest = Math.max(...values.map(({ text }) => text.length));
  const [left, right] = [longest * LETTER + 16, width - 14];
  const [top, bottom] = [unit ? 32 : 14, height - (marks.length ? 40 : 26)];
  const [low, high] = [values[0].value, values.at(-1).value];
  return {
    height, left, right, top, bottom, values, from, to,
    times: timeTicks(from, to, Math.max(3, Math.floor((right - left) / 80))),
    x: (at) => left + ((at - from) / (to - from)) * (right - left),
    y: (value) => bottom - ((value - low) / (high - low)) * (bottom - top),
  };
}

const isValue = (value) => Number.isFinite(value);
const spot = (frame, at, value) => `${frame.x(at).toFixed(1)} ${frame.y(value).toFixed(1)}`;

function valueAxis(frame, unit) {
  return s("g", { class: "axis" },
    unit && s("text", { x: 6, y: 16 }, unit),
    frame.values.map(({ value, text }) => [
      s("line", { class: "grid", x1: frame.left, x2: frame.right, y1: frame.y(value), y2: frame.y(value) }),
      s("text", { x: frame.left - 6, y: frame.y(value) + 4, "text-anchor": "end" }, text),
    ]));
}

function timeAxis(frame) {
  const { bottom, left, right, height } = frame;
  return s("g", { class: "axis" },
    s("line", { class: "base", x1: left, x2: right, y1: bottom, y2: bottom }),
    frame.times.map(({ at, text }) => {
      const x = frame.x(at);
      const half = (text.length * LETTER) / 2;
      const anchor = x + half > right + 12 ? "end" : x - half < 2 ? "start" : "middle";
      return [
        s("line", { class: "base", x1: x, x2: x, y1: bottom, y2: bottom + 4 }),
        s("text", { x, y: height - 6, "text-anchor": anchor }, text),
      ];
    }));
}

function drawn(frame, { points, kind }, place) {
  const runs = runsOf(points);
  const last = points.at(-1);
  const path = runs.map((run) => (kind === "step" ? steps(frame, run, run.at(-1) === last) : line(frame, run))).join("");
  const lonely = kind === "step" ? [] : runs.filter((run) => run.length === 1).flat();
  return s("g", { class: look(place) },
    s("path", { class: "series", d: path }),
    lonely.map(([at, value]) => s("circle", { class: "dot", cx: frame.x(at), cy: frame.y(value), r: 2.5 })));
}

// Where there is no value, the line has a gap.
function runsOf(points) {
  const runs = [[]];
  for (const point of points) {
    if (isValue(point[1])) runs.at(-1).push(point);
    else if (runs.at(-1).length) runs.push([]);
  }
  return runs.filter((run) => run.length);
}

const line = (frame, run) => `M${run.map(([at, value]) => spot(frame, at, value)).join("L")}`;

function steps(frame, run, toTheEnd) {
  const path = run.map(([at, value], place) => (place
    ? `H${frame.x(at).toFixed(1)}V${frame.y(value).toFixed(1)}`
    : `M${spot(frame, at, value)}`));
  return path.join("") + (toTheEnd ? `H${frame.right.toFixed(1)}` : "");
}

function highlighted(frame, { at, text }) {
  const x = frame.x(at);
  return s("g", { class: "highlight" }, s("title", {}, text),
    s("line", { x1: x, x2: x, y1: frame.top, y2: frame.bottom }), s("path", { d: diamond(x, frame.top) }));
}

function mark(frame, { at, text, href }) {
  return s("a", { class: "mark", href, tabindex: -1, "aria-label": text }, s("title", {}, text),
    s("path", { d: triangle(frame.x(at), frame.bottom + 6) }));
}

const diamond = (x, y) => `M${x} ${y - 6}l6 6l-6 6l-6 -6z`;
const triangle = (x, y) => `M${x} ${y}l6 10h-12z`;

/** What a legend shows: of a series, "mark" or "highlight". */
export function sample(what) {
  const shapes = { mark: triangle(14, 1), highlight: diamond(14, 6) };
  const shape = what in shapes
    ? s("g", { class: what }, s("path", { d: shapes[what] }))
    : s("g", { class: look(what) }, s("path", { class: "series", d: "M0 6H28" }));
  return s("svg", { class: "sample", width: 28, height: 12, "aria-hidden": "true" }, shape);
}

/** The cursor at a time, with a dot on each line. values: [value or null] of each series. */
export function cursor(frame, at, values) {
  const x = frame.x(at);
  return s("g", { class: "at" },
    s("line", { x1: x, x2: x, y1: frame.top, y2: frame.bottom }),
    values.map((value, place) => isValue(value) &&
      s("g", { class: look(place) }, s("circle", { class: "dot", cx: x, cy: frame.y(value), r: 4 }))));
}
