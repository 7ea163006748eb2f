// One item: what the inventory has, its stock over time, its changes, and whether the books agree.

import { ApiError } from "./api.js";
import { h, replace } from "./dom.js";
import { booksPanel } from "./item_books.js";
import { changesPanel } from "./item_changes.js";
import { nowPanel } from "./item_now.js";
import { stockPanel } from "./item_stock.js";
import { rangeChoice, seenIn } from "./item_time.js";
import { address, note } from "./route.js";
import { may } from "./session.js";
import { isId } from "./shown.js";
import { empty, failed } from "./states.js";

export const title = "Item";

export function open(page, { rest, query }, signal) {
  const id = rest.join("/").toLowerCase();
  if (!isId(id)) replace(page, noSuchId());
  else if (!may("stock:read")) replace(page, h("h1", {}, title), failed(new ApiError(403, { scope: "stock:read" })));
  else show(page, id, query, signal);
}

function noSuchId() {
  return [h("h1", {}, title), empty("This is no item's id: an item's id is 24 digits and letters from a to f.",
    h("p", {}, h("a", { href: address("items") }, "To the items")))];
}

function show(page, id, query, signal) {
  let leaving = new AbortController();
  let seen = seenIn(query);
  const choice = rangeChoice(choose);
  const changes = changesPanel(id);
  const stock = stockPanel(id, choice.element, { jumps: changes.jumps, goTo });
  const books = booksPanel(id, signal, { since: () => seen.from(), goTo, found });

  function choose(wanted) {
    seen = wanted;
    note("items", [id], seen.query);
    look();
  }

  function goTo(at) {
    choose(seen.around(at));
    stock.element.scrollIntoView({ block: "nearest" });
    choice.focus();
  }

  function found(findings) {
    stock.found(findings);
    changes.found(findings);
  }

  function look() {
    leaving.abort();
    leaving = new AbortController();
    const until = AbortSignal.any([signal, leaving.signal]);
    choice.show(seen);
    stock.look(seen, until);
    changes.look(seen, until);
  }

  replace(page,
    h("h1", {}, title), h("p", {}, h("span", { class: "id" }, id), " · ",
      h("a", { href: address("orders", [], { itemId: id }) }, "Its orders"), " · ",
      h("a", { href: address("items") }, "Other items")),
    nowPanel(id, signal), stock.element, books, changes.element);
  look();
}
