// A chart of values over time: lines, or steps that hold until the next one.

import { cursor, draw } from "./chart_drawing.js";
import { foundAt, legendOf, readoutOf, said, summaryOf } from "./chart_words.js";
import { h, replace, s } from "./dom.js";

const KEYS = {
  ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1,
  PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity,
};

const HINT = "Point at the chart, or move its cursor with the arrow keys.";

const charts = new WeakMap();

/** An element with a chart of:
 * title: text. from, to: ms. unit: text behind a value, like "units".
 * series: [{name, points, kind}]; points: [[ms, value]] by time, where null as value is a gap;
 * kind: "line" (default), or "step": a value holds until the next, the last one until to.
 * marks: [{at, text, href}]: moments on the time's axis, that lead somewhere.
 * highlight: [{at, text}]: moments that stand out.
 * names: {marks, highlight}: what these are, for the legend.
 * none: the text in place of a chart without any value. */
export function chart(options) {
  const one = new Chart();
  charts.set(one.element, one);
  one.show(options);
  return one.element;
}

/** Shows other values in an element of chart: cursor and keyboard stay where they are. */
export function redraw(element, options) {
  charts.get(element).show(options);
}

class Chart {
  constructor() {
    const pointed = (event) => this.pointed(event);
    this.svg = s("svg", { role: "graphics-document", onpointermove: pointed, onpointerdown: pointed });
    // It lies over the drawing, and lets the pointer through.
    this.slider = h("div", {
      class: "slider", role: "slider", tabindex: 0, "aria-valuemin": 0,
      onkeydown: (event) => this.key(event), onfocus: () => this.move(this.place),
    });
    this.plot = h("div", { class: "plot" }, this.svg, this.slider);
    this.legend = h("ul", { class: "legend" });
    this.readout = h("div", { class: "readout" });
    this.summary = h("p", { class: "unseen" });
    this.element = h("figure", { class: "chart" });
    // Where the cursor is, in ms; null while nobody has moved it.
    this.at = null;
    this.width = 0;
    new ResizeObserver(([{ contentRect }]) => this.sized(Math.floor(contentRect.width))).observe(this.plot);
  }

  show({ marks = [], highlight = [], names = {}, unit = "", none = "There is nothing in this time.", ...given }) {
    const inside = ({ at }) => at >= given.from && at <= given.to;
    this.shown = { ...given, unit, names, marks: marks.filter(inside), highlight: highlight.filter(inside) };
    this.stops = stopsOf(this.shown);
    const isEmpty = !given.series.some(({ points }) => points.some(([, value]) => value !== null));
    this.element.setAttribute("aria-label", given.title);
    if (isEmpty) {
      replace(this.element, h("p", { class: "state" }, none));
      return;
    }
    replace(this.legend, legendOf(this.shown));
    this.summary.textContent = summaryOf(this.shown);
    this.slider.setAttribute("aria-label", `Cursor: ${given.title}`);
    this.slider.setAttribute("aria-valuemax", this.stops.length - 1);
    // An element that is moved loses the keyboard.
    if (this.plot.parentNode !== this.element) {
      replace(this.element, this.legend, this.plot, this.readout, this.summary);
    }
    this.tell();
    if (this.width) this.draw();
  }

  sized(width) {
    if (width === this.width || width < 1) return;
    this.width = width;
    this.draw();
  }

  draw() {
    this.frame = draw(this.svg, this.shown, this.width);
    this.pen = null;
    this.drawCursor();
  }

  get place() {
    if (this.at === null) return this.stops.length - 1;
    return nearest(this.stops, this.at);
  }

  key(event) {
    if (event.key === "Escape") this.move(null);
    else if (event.key in KEYS) this.move(Math.min(this.stops.length - 1, Math.max(0, this.place + KEYS[event.key])));
    else return;
    event.preventDefault();
  }

  pointed({ clientX }) {
    const { left, right, from, to } = this.frame;
    const x = clientX - this.svg.getBoundingClientRect().left;
    this.move(nearest(this.stops, from + ((x - left) / (right - left)) * (to - from)));
  }

  move(place) {
    this.at = place === null ? null : this.stops[place];
    this.tell();
    this.drawCursor();
  }

  tell() {
    const at = this.stops[this.place];
    const found = foundAt(this.shown, at);
    const text = said(at, found);
    this.slider.setAttribute("aria-valuenow", this.place);
    this.slider.setAttribute("aria-valuetext", text);
    const wanted = this.at === null ? HINT : text;
    // A link that has the keyboard stays.
    if (this.told === wanted) return;
    this.told = wanted;
    replace(this.readout, this.at === null ? h("p", { class: "quiet" }, HINT) : readoutOf(at, found));
  }

  drawCursor() {
    if (!this.frame) return;
    this.pen?.remove();
    this.pen = null;
    if (this.at === null) return;
    const at = this.stops[this.place];
    this.pen = cursor(this.frame, at, foundAt(this.shown, at).values);
    this.svg.append(this.pen);
  }
}

function stopsOf({ series, marks, highlight, from, to }) {
  const times = [
    ...series.flatMap(({ points }) => points.map(([at]) => at)),
    ...[...marks, ...highlight].map(({ at }) => at),
  ];
  return [...new Set(times)].filter((at) => at >= from && at <= to).sort((one, other) => one - other);
}

function nearest(stops, at) {
  let best = 0;
  stops.forEach((stop, place) => {
    if (Math.abs(stop - at) < Math.abs(stops[best] - at)) best = place;
  });
  return best;
}
