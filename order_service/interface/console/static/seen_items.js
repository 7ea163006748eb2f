// The items seen lately, in the orders and in the log.

import { get } from "./api.js";
import { h, replace } from "./dom.js";
import { may } from "./session.js";
import { isId, number } from "./shown.js";

const LOOKED_AT = 100;
const MOST = 25;
// The first one of the inventory that `make run` starts.
const SAMPLE = "64b000000000000000000001";

/** items: [{id, change, orderedAt}], those seen last first; change: the latest that the log has.
 * lacking: the scopes without which some are missing. */
export async function seenLately(signal) {
  const [changes, orders] = await Promise.all([
    allowed("stock:read", async () => (await get("/api/stock-changes", { limit: LOOKED_AT }, signal)).stockChanges),
    allowed("orders:read", async () => (await get("/api/orders", { limit: LOOKED_AT }, signal)).orders),
  ]);
  const found = new Map();
  const of = (id) => found.get(id) ?? found.set(id, { id, change: null, orderedAt: null }).get(id);
  // Whoever writes to the topic may call an item anything, and nothing can be asked about it then.
  for (const change of changes ?? []) if (isId(change.itemId)) of(change.itemId).change ??= change;
  for (const { createdAt, lines } of orders ?? []) for (const { itemId } of lines) of(itemId).orderedAt ??= createdAt;
  const seen = ({ change, orderedAt }) => [change?.createdAt ?? "", orderedAt ?? ""].sort().at(-1);
  const items = [...found.values()].sort((one, other) => (seen(one) < seen(other) ? 1 : -1)).slice(0, MOST);
  return { items, lacking: [changes === null && "stock:read", orders === null && "orders:read"].filter(Boolean) };
}

/** What it reads, or null where the scope is missing. */
async function allowed(scope, read) {
  if (!may(scope)) return null;
  try {
    return await read();
  } catch (error) {
    if (error.status === 403) return null;
    throw error;
  }
}

/** A list of them as suggestions for a field; it fills when the API has answered. Without it one can
 * type. */
export function suggestions(id, signal) {
  const list = h("datalist", { id });
  seenLately(signal).then(({ items }) => replace(list, optionsOf(items)), () => {});
  return list;
}

function optionsOf(items) {
  if (!items.length) return h("option", { value: SAMPLE, label: "the sample inventory's first item" });
  return items.map(({ id, change }) => h("option", {
    value: id, label: change ? `stock ${number(change.newStock)}, as it was last told` : "ordered lately",
  }));
}
