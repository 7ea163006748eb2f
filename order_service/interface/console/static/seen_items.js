// Items that somebody who fills a form may mean: those that were seen lately.

import { get } from "./api.js";
import { h, replace } from "./dom.js";
import { may } from "./session.js";
import { isId, number } from "./shown.js";

// The first one of the inventory that `make run` starts.
const SAMPLE = "64b000000000000000000001";

/** A list of suggestions; it fills when the API has answered. Without it one can type. */
export function seenItems(id, signal) {
  const list = h("datalist", { id });
  fill(list, signal);
  return list;
}

async function fill(list, signal) {
  const [orders, changes] = await Promise.allSettled([
    get("/api/orders", { limit: 25 }, signal),
    may("stock:read") ? get("/api/stock-changes", { limit: 50 }, signal) : { stockChanges: [] },
  ]);
  const seen = new Map([
    ...(orders.value?.orders ?? []).flatMap(({ lines }) => lines).map(({ itemId }) => [itemId, "ordered lately"]),
    // Newest first; of two the later one stays.
    ...(changes.value?.stockChanges ?? []).filter(({ itemId }) => isId(itemId)).reverse()
      .map(({ itemId, newStock }) => [itemId, `stock ${number(newStock)}, as it was last told`]),
  ]);
  if (!seen.size) seen.set(SAMPLE, "the sample inventory's first item");
  replace(list, [...seen].map(([value, label]) => h("option", { value, label })));
}
