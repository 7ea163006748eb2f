// One order: what it is, what happened to it, and what can be done with it.

import { ApiError, get, getIfChanged } from "./api.js";
import { countDown } from "./countdown.js";
import { announce, h, replace } from "./dom.js";
import { actions } from "./order_actions.js";
import { facts, lines } from "./order_facts.js";
import { awaitsLog, standing, timeline } from "./order_history.js";
import { poll } from "./poll.js";
import { renew } from "./renew.js";
import { address } from "./route.js";
import { share } from "./share.js";
import { STATUSES, isId } from "./shown.js";
import { loading, tell } from "./states.js";

export const title = "Order";

const EVERY = 3;

export function open(page, { rest }, signal) {
  const id = rest.join("/").toLowerCase();
  if (!isId(id)) replace(page, noSuchOrder(id));
  else show(page, id, signal);
}

function show(page, id, signal) {
  const path = `/api/orders/${id}`;
  const gone = new AbortController();
  const ending = AbortSignal.any([signal, gone.signal]);
  const parts = {
    trouble: h("div", {}),
    facts: h("div", {}, loading("the order")),
    lines: h("div", { class: "lines" }),
    history: h("section", { class: "history", hidden: true }, h("h2", {}, "What happened")),
    entries: h("div", {}, loading("the history")),
  };
  let order = null;
  let etag = null;
  let history = [];
  let isHistoryOld = true;
  // An answer that was asked for before a change of the order was made here tells what was before it.
  let turn = 0;

  async function read() {
    const mine = (turn += 1);
    const found = await getIfChanged(path, etag, ending);
    if (mine !== turn) return;
    if (found) take(found.body.order, found.etag);
    if (isHistoryOld) {
      const answer = await get(`${path}/history`, {}, ending);
      if (mine !== turn) return;
      history = answer.history;
      isHistoryOld = awaitsLog(history);
      draw();
      renew(parts.entries, timeline(order, history));
    }
    clear(parts.trouble);
  }

  function take(read, tag) {
    if (order && order.status !== read.status) announce(`The order is ${read.status} now: ${STATUSES[read.status] ?? ""}.`);
    order = read;
    etag = tag;
    isHistoryOld = true;
    parts.history.hidden = false;
    draw();
  }

  function draw() {
    const stands = standing(order, history);
    renew(parts.facts, h("div", { class: "panel" }, facts(order, stands)));
    renew(parts.lines, lines(order));
    doing.update(order, etag, stands);
  }

  function fail(error) {
    if (error instanceof ApiError && error.status === 404) {
      gone.abort();
      replace(page, noSuchOrder(id));
      return;
    }
    if (order === null) replace(parts.facts);
    tell(parts.trouble, error, again);
  }

  const again = () => read().catch((error) => ending.aborted || fail(error));

  const doing = actions(ending, (changed, tag) => {
    turn += 1;
    if (changed) take(changed, tag);
    again();
  });

  parts.history.append(parts.entries);
  replace(page, h("h1", {}, "Order ", h("span", { class: "id" }, id)),
    share("Copy the link to this order", address("orders", [id])),
    parts.trouble, parts.facts, doing.element, parts.lines, parts.history);
  countDown(page, signal);
  poll(read, EVERY, ending, fail);
}

function clear(trouble) {
  const hadFocus = trouble.contains(document.activeElement);
  replace(trouble);
  if (hadFocus) document.getElementById("main").focus();
}

function noSuchOrder(id) {
  return [
    h("h1", {}, "There is no such order"),
    h("div", { class: "state" },
      h("p", {}, "No order has the id ", h("code", {}, h("bdi", {}, id.slice(0, 100) || "(none)")), "."),
      h("p", {}, isId(id)
        ? "It may be an order of somebody else: those are shown to a token with the scope orders:admin alone."
        : "An order's id is 24 digits and letters from a to f."),
      h("p", {}, h("a", { href: address("orders") }, "To the orders"))),
  ];
}
