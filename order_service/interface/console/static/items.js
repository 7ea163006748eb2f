// The items seen lately, in the orders and in the log, and a way to any other.

import { ApiError } from "./api.js";
import { time } from "./clock.js";
import { h, newId, replace } from "./dom.js";
import { itemOf } from "./item_now.js";
import { livePanel } from "./live_panel.js";
import { go } from "./route.js";
import { seenLately } from "./seen_items.js";
import { may } from "./session.js";
import { isId, itemLink, money, number } from "./shown.js";
import { empty, failed } from "./states.js";
import { setRows, table } from "./table.js";

export const title = "Items";

const EVERY = 10;
const COLUMNS = ["Item", "Name", { text: "Price", amount: true }, { text: "Stock", amount: true }, "Last change", "Last order"];

export function open(page, _, signal) {
  replace(page, h("h1", {}, title), finder());
  if (!may("stock:read") && !may("orders:read")) {
    page.append(failed(new ApiError(403, { scope: "stock:read" })));
    return;
  }
  const panel = livePanel("Seen lately");
  const inventory = new Map();
  const shown = table("Items seen lately, newest first", COLUMNS);
  const notes = h("div", {});
  page.append(panel.element);

  async function read() {
    const { items, lacking } = await seenLately(signal);
    const show = () => setRowsAgain(shown, items.map((item) => rowOf(item, inventory.get(item.id))));
    if (!items.length) return replace(panel.body, empty("Neither the orders nor the log know an item yet."));
    if (!shown.isConnected) replace(panel.body, shown, notes);
    replace(notes, lacking.map((scope) => h("p", {}, `Your token lacks the scope ${scope}: what it would show is missing.`)));
    show();
    await learn(items, inventory, signal);
    show();
  }

  panel.look("the items", read, EVERY, signal);
}

function finder() {
  const field = newId("item");
  const said = h("div", { role: "alert" });
  const text = h("input", { id: field, type: "search", maxlength: 64, autocomplete: "off", spellcheck: "false" });

  function find(event) {
    event.preventDefault();
    const id = text.value.trim().toLowerCase();
    if (isId(id)) go("items", [id]);
    else replace(said, h("p", { class: "state bad" }, "An item's id is 24 digits and letters from a to f."));
  }

  return h("form", { class: "finder", role: "search", novalidate: true, onsubmit: find },
    h("label", { for: field }, "An item's id"),
    h("span", { class: "together" }, text, h("button", { type: "submit" }, "Show the item")), said);
}

/** Asks the inventory once for each item. While it is away the list does without. */
async function learn(items, inventory, signal) {
  if (!may("stock:read")) return;
  for (const { id } of items) {
    if (inventory.has(id)) continue;
    try {
      inventory.set(id, await itemOf(id, signal));
    } catch {
      return;
    }
  }
}

function rowOf({ id, change, orderedAt }, item) {
  const name = item === null ? h("span", { class: "quiet" }, "the inventory has none") : item?.name ?? "";
  const stock = change?.newStock ?? item?.stock;
  return {
    key: JSON.stringify([id, change?._id, orderedAt, item === undefined ? "not asked yet" : item]),
    cells: () => [
      itemLink(id), name, item ? money(item.price) : "–", stock === undefined ? "–" : number(stock),
      change ? time(change.createdAt) : "–", orderedAt ? time(orderedAt) : "–",
    ],
  };
}

// A row that changed is another element: the keyboard goes to the same link in that.
function setRowsAgain(shown, rows) {
  const held = shown.contains(document.activeElement) ? document.activeElement : null;
  setRows(shown, rows);
  if (!held || document.activeElement === held) return;
  [...shown.querySelectorAll("a")].find(({ href }) => href === held.href)?.focus();
}
