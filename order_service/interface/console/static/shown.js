// What several views show alike: statuses, money, ids.

import { currency } from "./config.js";
import { h } from "./dom.js";
import { address } from "./route.js";

/** Each status, and what it means. */
export const STATUSES = {
  PENDING: "the stock is being taken",
  RESERVED: "held until it is confirmed",
  COMPLETED: "sold",
  FAILED: "nothing was taken, or all of it is back",
  CANCELLED: "cancelled, the stock is back",
  EXPIRED: "the hold was over, the stock is back",
};

export const status = (name) =>
  h("span", { class: `status ${name.toLowerCase()}`, title: STATUSES[name] ?? "" }, name);

export function money(amount, of = currency) {
  if (amount === null || amount === undefined) return "–";
  // A price may be finer than its currency's coins.
  const style = of ? { style: "currency", currency: of, maximumFractionDigits: 6 } : { minimumFractionDigits: 2, maximumFractionDigits: 6 };
  return new Intl.NumberFormat(undefined, style).format(amount);
}

export const number = (value) => new Intl.NumberFormat().format(value);

export const counted = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;

export const orderLink = (id) => h("a", { href: address("orders", [id]), class: "id" }, id);

export const itemLink = (id) => h("a", { href: address("items", [id]), class: "id" }, id);

/** Whether it has the shape of an order's or an item's id. */
export const isId = (text) => /^[0-9a-f]{24}$/i.test(text);
