// An item's stock over time, with the orders that moved it.

import { get } from "./api.js";
import { chart, redraw } from "./chart.js";
import { wholeTime } from "./clock.js";
import { h, replace } from "./dom.js";
import { livePanel } from "./live_panel.js";
import { address } from "./route.js";
import { may } from "./session.js";
import { counted, number } from "./shown.js";

const MOST_ORDERS = 100;
// Orders that failed moved nothing, and there may be many of them.
const MOVED_STOCK = ["COMPLETED", "RESERVED", "CANCELLED", "EXPIRED"];

/** element; look(seen, signal); found(findings): marks those that have a time. choice: the element
 * that chooses what is seen. jumps: told the points that are jumps. goTo: shows another time. */
export function stockPanel(id, choice, { jumps, goTo }) {
  const panel = livePanel("Stock over time", choice);
  let findings = [];
  let shown = null;
  let drawn = null;
  let notes = null;

  function look(seen, signal) {
    shown = drawn = null;
    panel.look("the stock", async () => {
      const [series, orders] = await Promise.all([seriesOf(id, seen, signal), ordersOf(id, seen, signal)]);
      shown = { series, orders };
      jumps(series.points.filter(({ jump }) => jump));
      show();
    }, seen.every, signal);
  }

  function show() {
    if (shown === null) return;
    const options = optionsOf(shown, findings);
    if (drawn) redraw(drawn, options);
    else {
      drawn = chart(options);
      notes = h("div", {});
      replace(panel.body, drawn, notes);
    }
    tell(notes, notesOf(id, shown, goTo));
  }

  function found(those) {
    findings = those.filter(({ differs, at }) => differs && at);
    show();
  }

  return { element: panel.element, look, found };
}

// A link that has the keyboard stays, as long as it says the same.
function tell(notes, wanted) {
  const inside = h("div", {}, wanted);
  if (inside.textContent !== notes.textContent) replace(notes, ...inside.childNodes);
}

const seriesOf = (id, seen, signal) => get(`/api/items/${id}/stock`, { from: seen.from(), to: seen.to() }, signal);

/** orders: null where they may not be seen. */
async function ordersOf(id, seen, signal) {
  const range = { itemId: id, createdAfter: seen.from(), createdBefore: seen.to() };
  if (!may("orders:read")) return { orders: null };
  try {
    const pages = await Promise.all(MOVED_STOCK.map((status) => get("/api/orders", { ...range, status, limit: MOST_ORDERS }, signal)));
    const newest = pages.flatMap(({ orders }) => orders).sort((one, other) => Date.parse(other.createdAt) - Date.parse(one.createdAt));
    const more = newest.length > MOST_ORDERS || pages.some(({ nextCursor }) => nextCursor !== null);
    return { orders: newest.slice(0, MOST_ORDERS), more, range };
  } catch (error) {
    if (error.status === 403) return { orders: null };
    throw error;
  }
}

function optionsOf({ series: { itemId, from, to, before, points }, orders: { orders } }, findings) {
  const begun = before?.stock ?? points[0]?.previousStock ?? null;
  const start = begun === null ? [] : [[Date.parse(from), begun]];
  return {
    title: "Stock over time", unit: "units", from: Date.parse(from), to: Date.parse(to),
    series: [{ name: "Stock", kind: "step", points: [...start, ...points.map(({ at, stock }) => [Date.parse(at), stock])] }],
    marks: (orders ?? []).map((order) => markOf(order, itemId)),
    highlight: [...jumpsOf(before, points), ...findings.map(({ at, kind }) => ({ at: Date.parse(at), text: `the books differ: ${inWords(kind)}` }))],
    names: { marks: "An order of ours", highlight: "Nobody can explain this" },
    none: "The log knows no change of this item in this time, nor any before.",
  };
}

export const inWords = (kind) => kind.replaceAll("_", " ");

function markOf({ _id, createdAt, status, lines }, itemId) {
  const quantity = lines.find((line) => line.itemId === itemId)?.quantity;
  return { at: Date.parse(createdAt), href: address("orders", [_id]), text: `order ${_id} of ${quantity}, ${status}` };
}

function jumpsOf(before, points) {
  const left = (place) => (place ? points[place - 1] : before)?.stock;
  return points.flatMap(({ at, jump, previousStock }, place) => (jump
    ? [{ at: Date.parse(at), text: `jump: the change before left ${number(left(place))}, and this one began at ${number(previousStock)}` }]
    : []));
}

function notesOf(id, { series: { exact, before, points }, orders: { orders, more, range } }, goTo) {
  const jumps = points.filter(({ jump }) => jump).length;
  return [
    !exact && h("p", {}, "More than 500 changes are in this time, so the stock is shown at evenly spaced moments, and jumps are not looked for. A shorter time shows each change."),
    jumps > 0 && h("p", { class: "strong" }, `${counted(jumps, "change")} did not begin where the change before ended: the log misses one between, or two wrote at once. Compare the books to know more.`),
    !points.length && before && h("p", {}, "Nothing changed in this time. The last change before: ", wholeTime(before.at), " ",
      h("button", { type: "button", onclick: () => goTo(before.at) }, "Show it")),
    orders === null && h("p", {}, "The orders are not marked: your token lacks the scope orders:read."),
    more && h("p", {}, `The newest ${MOST_ORDERS} orders are marked; there are more. `,
      h("a", { href: address("orders", [], range) }, "See them all")),
  ];
}
