// An order's facts and lines.

import { exactTime, wholeTime } from "./clock.js";
import { countdown } from "./countdown.js";
import { h } from "./dom.js";
import { address } from "./route.js";
import { STATUSES, itemLink, money, number, status } from "./shown.js";
import { setRows, table } from "./table.js";
import { foreign } from "./texts.js";

/** standing: what the order's history tells of how the order stands. */
export function facts(order, standing) {
  const metadata = Object.entries(order.metadata ?? {});
  return h("dl", { class: "facts" },
    fact("Status", h("div", {}, status(order.status), " ", meaning(order, standing)), advice(standing)),
    order.expiresAt && fact("Hold", held(order.expiresAt)),
    fact("Total", money(order.totalPrice, order.currency)),
    fact("Reference", order.reference === undefined ? none("none") : foreign(order.reference)),
    fact("Placed", wholeTime(order.createdAt)),
    fact("Changed", wholeTime(order.updatedAt)),
    fact("Metadata", metadata.length ? texts(metadata) : none("none")));
}

const fact = (name, ...value) => [h("dt", {}, name), h("dd", {}, value)];

const none = (text) => h("span", { class: "quiet" }, text);

function meaning({ status: name, expiresAt }, { isCancelling }) {
  if (isCancelling) return "a cancellation is under way: the stock is on its way back";
  if (name === "RESERVED" && !expiresAt) return "the stock is on its way back";
  return STATUSES[name] ?? "";
}

function advice({ isStuck }) {
  return isStuck && h("div", {},
    "The order is stuck: the service can't find out what became of its stock, and a person has to decide. ",
    h("a", { href: address("health") }, "How it is"), " has the orders that wait for that.");
}

const held = (until) => [h("div", {}, countdown(until)), exactTime(until)];

const texts = (entries) => h("dl", { class: "texts" },
  entries.map(([name, value]) => h("div", {}, h("dt", {}, foreign(name)), h("dd", {}, foreign(value)))));

const COLUMNS = ["Item", { text: "Quantity", amount: true }, { text: "Unit price", amount: true }, { text: "Total", amount: true }];

export const lines = ({ lines: all, currency }) => setRows(table("The order's lines", COLUMNS), all.map((line) => ({
  key: line.itemId,
  cells: () => [
    itemLink(line.itemId), number(line.quantity), money(line.unitPrice, currency), money(line.totalPrice, currency),
  ],
})));
