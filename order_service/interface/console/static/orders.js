// The newest orders, as they come in; filtered, found, page by page.

import { ApiError, get } from "./api.js";
import { time } from "./clock.js";
import { announce, h, newId, replace } from "./dom.js";
import { poll } from "./poll.js";
import { renew } from "./renew.js";
import { address, go } from "./route.js";
import { STATUSES, counted, isId, itemLink, money, number, orderLink, status } from "./shown.js";
import { empty, failed, loading, tell } from "./states.js";
import { setRows, table } from "./table.js";

export const title = "Orders";

const PAGE = 25;
const EVERY = 3;
const COLUMNS = ["Placed", "Order", "Status", "What", { text: "Total", amount: true }, "Reference"];
const FILTERS = ["status", "itemId", "reference", "createdAfter", "createdBefore"];

export function open(page, { query }, signal) {
  const given = Object.fromEntries(FILTERS.map((name) => [name, query.get(name)]));
  const cursor = query.get("cursor");
  const trouble = h("div", {});
  const list = h("div", {}, loading("orders"));
  const next = h("p", { class: "buttons" });
  replace(page,
    h("h1", {}, "Orders"),
    finder(signal),
    filters(given),
    cursor && h("p", {}, h("a", { href: address("orders", [], given) }, "Back to the newest orders")),
    trouble, list, next);
  let known = null;

  async function read() {
    const { orders, nextCursor } = await get("/api/orders", { ...given, cursor, limit: PAGE }, signal);
    const added = known && orders.filter(({ _id }) => !known.has(_id)).map(({ _id }) => _id);
    if (added?.length) announce(`${counted(added.length, "new order")}.`);
    known = new Set(orders.map(({ _id }) => _id));
    replace(trouble);
    update(list, orders, new Set(added ?? []), given);
    renew(next, nextCursor &&
      h("a", { class: "button", href: address("orders", [], { ...given, cursor: nextCursor }) }, "Older orders"));
  }

  function show(error) {
    // What is shown already stays.
    if (known === null) replace(list);
    tell(trouble, error, start);
  }

  let asking = new AbortController();
  function start() {
    asking.abort();
    asking = new AbortController();
    const until = AbortSignal.any([signal, asking.signal]);
    if (cursor) read().catch((error) => signal.aborted || show(error));
    else poll(read, EVERY, until, show);
  }

  start();
}

function update(list, orders, added, given) {
  if (!orders.length) {
    const isFiltered = Object.values(given).some((value) => value);
    replace(list, isFiltered
      ? empty("No order is like that.", h("p", {}, h("a", { href: address("orders") }, "Show all orders")))
      : empty("There are no orders yet.", h("p", {}, h("a", { href: address("new") }, "Place one, as a trial"))));
    return;
  }
  const shown = list.querySelector("table") ?? table("Orders, newest first", COLUMNS);
  if (!shown.isConnected) replace(list, shown);
  setRows(shown, orders.map((order) => ({
    key: `${order._id} ${order.updatedAt} ${order.status}`,
    isNew: added.has(order._id),
    cells: () => [
      time(order.createdAt), orderLink(order._id), status(order.status), what(order.lines),
      money(order.totalPrice, order.currency), order.reference ?? "",
    ],
  })));
}

function what(lines) {
  const [first, ...others] = lines;
  return [`${number(first.quantity)} × `, itemLink(first.itemId), others.length > 0 && ` and ${counted(others.length, "more item")}`];
}

function finder(signal) {
  const field = newId("find");
  const said = h("div", { role: "alert" });
  const text = h("input", { id: field, type: "search", maxlength: 64, autocomplete: "off", spellcheck: "false" });

  async function find(event) {
    event.preventDefault();
    const sought = text.value.trim();
    replace(said);
    if (!sought) return;
    if (!isId(sought)) return go("orders", [], { reference: sought });
    try {
      await get(`/api/orders/${sought.toLowerCase()}`, {}, signal);
      go("orders", [sought.toLowerCase()]);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status === 404) go("orders", [], { itemId: sought.toLowerCase() });
      else replace(said, failed(error));
    }
  }

  return h("form", { class: "finder", role: "search", onsubmit: find },
    h("label", { for: field }, "Find by an order's id, an item's id or a reference"),
    h("span", { class: "together" }, text, h("button", { type: "submit" }, "Find")), said);
}

function filters(given) {
  const field = (name, label, input) => {
    const id = newId(name);
    input.id = id;
    input.name = name;
    return h("div", {}, h("label", { for: id }, label), input);
  };
  const statuses = h("select", {}, h("option", { value: "" }, "any"),
    Object.keys(STATUSES).map((name) => h("option", { value: name, selected: given.status === name }, name)));
  const item = h("input", { type: "text", value: given.itemId ?? "", pattern: "[0-9a-fA-F]{24}",
    title: "24 digits and letters from a to f", autocomplete: "off", spellcheck: "false" });
  const reference = h("input", { type: "text", value: given.reference ?? "", maxlength: 64, autocomplete: "off" });
  const after = h("input", { type: "datetime-local", step: 1, value: toLocal(given.createdAfter) });
  const before = h("input", { type: "datetime-local", step: 1, value: toLocal(given.createdBefore) });

  function filter(event) {
    event.preventDefault();
    go("orders", [], {
      status: statuses.value, itemId: item.value.trim().toLowerCase(), reference: reference.value.trim(),
      createdAfter: fromLocal(after.value), createdBefore: fromLocal(before.value),
    });
  }

  const isUsed = Object.values(given).some((value) => value);
  return h("details", { open: isUsed }, h("summary", {}, isUsed ? "Filtered" : "Filter"),
    h("form", { class: "filters", onsubmit: filter },
      field("status", "Status", statuses), field("itemId", "Item", item),
      field("reference", "Reference", reference),
      field("createdAfter", "Placed since (your time)", after),
      field("createdBefore", "Placed before (your time)", before),
      h("p", { class: "buttons" }, h("button", { type: "submit", class: "primary" }, "Filter"),
        isUsed && h("a", { class: "button", href: address("orders") }, "Show all"))));
}

function toLocal(text) {
  const at = new Date(text ?? "");
  if (Number.isNaN(at.valueOf())) return "";
  return new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}

const fromLocal = (text) => (text ? new Date(text).toISOString() : null);
