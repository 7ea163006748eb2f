// The last hour, as the service counted it itself.

import { get } from "./api.js";
import { chart, redraw } from "./chart.js";
import { h, replace } from "./dom.js";
import { livePanel } from "./live_panel.js";

const EVERY = 15;
const PER_SECOND = 1000;
// What an order may come to; whatever else it is called is a reason why it failed.
const OUTCOMES = {
  completed: "sold", reserved: "held", cancelled: "cancelled", expired: "expired",
  insufficient_stock: "refused: too little stock", item_not_found: "refused: no such item",
};

export function lastHourPanel(signal) {
  const panel = livePanel("The last hour");
  let charts = null;

  async function read() {
    const answer = await get("/api/status/last-hour", {}, signal);
    const all = [ratesOf(answer), latenciesOf(answer)];
    if (charts) charts.forEach((each, place) => redraw(each, all[place]));
    else {
      charts = all.map((options) => chart(options));
      replace(panel.body, all.map(({ title }, place) => h("div", {}, h("h3", {}, title), charts[place])));
    }
  }

  panel.look("the last hour", read, EVERY, signal);
  return panel.element;
}

/** Every slot of the hour but the one under way: what was counted in it, or null. */
function slotsOf({ from, to, slotSeconds, slots }) {
  const length = slotSeconds * PER_SECOND;
  const counted = new Map(slots.map((slot) => [Date.parse(slot.at), slot]));
  const found = [];
  for (let at = Date.parse(from); at + length <= Date.parse(to); at += length) found.push([at, counted.get(at) ?? null]);
  return found;
}

const timeOf = ({ from, to }) => ({ from: Date.parse(from), to: Date.parse(to) });

function ratesOf(answer) {
  const slots = slotsOf(answer);
  const points = (isMeant) => slots.map(([at, slot]) => [at, slot ? rate(slot.orders, isMeant, answer.slotSeconds) : 0]);
  const series = [
    ...Object.entries(OUTCOMES).map(([outcome, name]) => ({ name, points: points((each) => each === outcome) })),
    { name: "failed", points: points((each) => !Object.hasOwn(OUTCOMES, each)) },
  ];
  return {
    ...timeOf(answer), title: "Orders a second, by what became of them", unit: "a second",
    series: series.filter((one) => one.points.some(([, value]) => value > 0)), none: "No order came to anything in the last hour.",
  };
}

function rate(orders, isMeant, seconds) {
  const counts = Object.entries(orders).filter(([outcome]) => isMeant(outcome)).map(([, number]) => number);
  return rounded(counts.reduce((sum, number) => sum + number, 0) / seconds);
}

// Nobody reads 0.0666666666666667.
const rounded = (value) => Number(value.toPrecision(3));

function latenciesOf(answer) {
  const slots = slotsOf(answer);
  const points = (name) => slots.map(([at, slot]) => {
    const seconds = slot?.creates[name] ?? null;
    return [at, seconds === null ? null : rounded(seconds * PER_SECOND)];
  });
  return {
    ...timeOf(answer), title: "How long creating an order takes", unit: "ms",
    series: [{ name: "half are faster (p50)", points: points("p50") }, { name: "1 in 100 is slower (p99)", points: points("p99") }],
    none: "Nobody asked for an order in the last hour.",
  };
}
