// An order's history, as words and as evidence.

import { exactTime, now, time, wholeTime } from "./clock.js";
import { h } from "./dom.js";
import { itemLink, number, status } from "./shown.js";
import { foreign } from "./texts.js";

// way: which way the stock goes.
const HAPPENED = {
  ORDER_PLACED: () => "Placed",
  ORDER_DEFERRED: () => "Left open: the outcome was not known in time for the answer",
  ORDER_PARTLY_MOVED: ({ way }) => `A part of the stock was ${way}`,
  ORDER_STUCK: ({ way }) => `Stuck: nothing tells whether all of the stock was ${way}`,
  ORDER_DECIDED: ({ outcome }) => `Decided: the changes in doubt were ${outcome === "COMPLETED" ? "made" : "not made"}`,
  ORDER_GIVEN_UP: () => "Given up: the order is to fail, and what it took goes back",
  ORDER_RESERVED: () => "Stock taken, and held",
  ORDER_EXTENDED: () => "Held until another time",
  ORDER_CREATED: ({ wasHeld }) => `${wasHeld ? "Confirmed" : "Stock taken"}: sold`,
  ORDER_FAILED: () => "Failed",
  ORDER_CANCEL_REQUESTED: () => "Cancellation asked for: the stock is to go back",
  ORDER_CANCEL_DROPPED: () => "Cancellation dropped: the order keeps its stock",
  ORDER_CANCELLED: () => "Stock given back: cancelled",
  ORDER_EXPIRY_RECORDED: () => "Expiry recorded: the stock is to go back",
  ORDER_EXPIRED: () => "Stock given back: expired",
  ORDER_BROUGHT_BACK: () => "Brought back to what the order's events tell, after a restore from a backup",
};
const ENDS_DOUBT = new Set(["ORDER_DECIDED", "ORDER_GIVEN_UP", "ORDER_RESERVED", "ORDER_CREATED",
  "ORDER_FAILED", "ORDER_CANCELLED", "ORDER_EXPIRED", "ORDER_BROUGHT_BACK"]);
const FAILURES = {
  insufficient_stock: "the inventory had too little",
  item_not_found: "the inventory has no such item",
  inventory_unavailable: "the inventory could not be asked, and nothing was taken",
  abandoned: "nobody carried the order out; what it took was given back",
  decided: "by a person's word",
};
const ACTORS = {
  caller: (name) => (name === null ? "by a caller without a name" : ["by the caller ", foreign(name)]),
  operator: (name) => (name === null ? "by an operator without a name" : ["by the operator ", foreign(name)]),
  settlement: () => "by the service: its settlement finishes what was interrupted",
  expiry: () => "by the service: the hold was over",
};

// Milliseconds. Not every inventory tells of its changes.
const LOGGED_WITHIN = 120000;

/** How the order stands, as far as its fields do not tell it. */
export function standing({ status: current }, history) {
  const last = (among) => history.findLast(({ event }) => among.has(event))?.event;
  const cancel = last(new Set(["ORDER_CANCEL_REQUESTED", "ORDER_CANCEL_DROPPED", "ORDER_BROUGHT_BACK"]));
  return {
    isCancelling: cancel === "ORDER_CANCEL_REQUESTED" && ["COMPLETED", "RESERVED"].includes(current),
    isStuck: last(new Set([...ENDS_DOUBT, "ORDER_STUCK"])) === "ORDER_STUCK",
  };
}

/** Whether a change of stock may still come to the log, which hears of it later. */
export function awaitsLog(history) {
  const isAwaited = (move) => isMoved(move) && !move.source && now() - Date.parse(move.at) < LOGGED_WITHIN;
  return history.some(({ evidence }) => evidence.stock?.some(isAwaited));
}

/** The history as an ordered list, oldest first. */
export function timeline(order, history) {
  let isGivenUp = false;
  let wasHeld = false;
  const entries = history.map((entry) => {
    isGivenUp ||= entry.event === "ORDER_GIVEN_UP";
    const way = entry.status === "PENDING" && !isGivenUp ? "taken" : "given back";
    const said = entryOf(order, entry, { way, wasHeld, outcome: entry.evidence.outcome });
    wasHeld ||= entry.event === "ORDER_RESERVED";
    return said;
  });
  const isWhole = history.every(({ recorded }) => recorded);
  return [
    h("ol", { class: "timeline" }, entries),
    !isWhole && h("p", { class: "quiet" },
      "“Not recorded”: the order's fields alone tell of the change. An older release made it, or its entry was dropped, because an order keeps the newest 200."),
  ];
}

function entryOf(order, entry, context) {
  const words = HAPPENED[entry.event]?.(context) ?? entry.event;
  const by = ACTORS[entry.actor]?.(entry.by) ?? "nobody knows by whom";
  return h("li", {},
    h("p", { class: "happened" }, h("span", { class: "strong" }, words), " ", status(entry.status),
      !entry.recorded && [" ", h("span", { class: "status" }, "not recorded")]),
    h("p", { class: "by" }, by,
      h("span", { class: "quiet" }, " · ", h("code", {}, entry.event), entry.version !== undefined && ` · version ${entry.version}`)),
    wholeTime(entry.at),
    evidenceOf(order, entry));
}

function evidenceOf({ lines }, { event, evidence }) {
  const units = new Map(lines.map(({ itemId, quantity }) => [itemId, quantity]));
  const found = [
    ...(evidence.stock ?? []).map((move) => moved(move, units.get(move.itemId))),
    ...(evidence.items ?? []).map((short) => shortage(short, units.get(short.itemId))),
    evidence.expiresAt && ["Held until ", exactTime(evidence.expiresAt)],
    evidence.reason && ["Reason: ", reason(event, evidence.reason)],
  ].filter(Boolean);
  return found.length > 0 && h("ul", { class: "evidence" }, found.map((each) => h("li", {}, each)));
}

const isMoved = ({ previousStock, newStock }) => previousStock !== newStock;

function moved(move, units) {
  const { itemId, previousStock, newStock, at } = move;
  const isShared = Math.abs(newStock - previousStock) !== units;
  return [
    `${number(units)} of item `, itemLink(itemId), ": stock ",
    h("span", { class: "strong" }, `${number(previousStock)} → ${number(newStock)}`),
    isShared && " together with other orders", ", ", time(at),
    isMoved(move) ? logged(move.source) : ", so nothing was sent",
  ];
}

function logged(source) {
  if (!source) return h("span", { class: "quiet" }, ", not in the log");
  return [", in the log as ", h("code", {}, foreign(source.topic), `, partition ${source.partition}, offset ${source.offset}`)];
}

function shortage({ itemId, available }, asked) {
  if (available === null) return ["There is no item ", itemLink(itemId)];
  return ["Of item ", itemLink(itemId), ` ${number(available)} were left, and ${number(asked)} were asked for`];
}

function reason(event, text) {
  const meaning = ["ORDER_FAILED", "ORDER_GIVEN_UP"].includes(event) ? FAILURES[text] : null;
  return meaning ? [h("code", {}, text), `: ${meaning}`] : foreign(text);
}
