// What the inventory says of an item now.

import { get } from "./api.js";
import { h, replace } from "./dom.js";
import { livePanel } from "./live_panel.js";
import { money, number } from "./shown.js";
import { empty } from "./states.js";

const EVERY = 5;

export function nowPanel(id, signal) {
  const panel = livePanel("In the inventory now");
  let shown = null;

  async function read() {
    const item = await itemOf(id, signal);
    const text = JSON.stringify(item);
    // What stays the same stays, or a selection in it would be lost.
    if (text !== shown) replace(panel.body, item ? facts(item) : gone());
    shown = text;
  }

  panel.look("the item", read, EVERY, signal);
  return panel.element;
}

/** The item, or null where the inventory has none. */
export async function itemOf(id, signal) {
  try {
    return (await get(`/api/items/${id}`, {}, signal)).item;
  } catch (error) {
    if (error.code === "no_such_item") return null;
    throw error;
  }
}

const gone = () => empty("The inventory has no such item. What the log and the orders know of it is below.");

function facts({ name, description, stock, price }) {
  const fact = (term, ...value) => [h("dt", {}, term), h("dd", {}, ...value)];
  const none = h("span", { class: "quiet" }, "none");
  return h("dl", { class: "facts" },
    fact("Name", name || none), fact("Description", description || none.cloneNode(true)),
    fact("Stock", h("span", { class: "strong" }, number(stock))), fact("Price", money(price)));
}
