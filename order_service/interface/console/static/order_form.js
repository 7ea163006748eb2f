// The form of a new order: its fields, what they ask for, and what is wrong with them.

import { h, newId } from "./dom.js";
import { field, typedNumber } from "./fields.js";
import { repeated } from "./repeated.js";
import { suggestions } from "./seen_items.js";
import { number } from "./shown.js";

const MOST_LINES = 100;
const MOST_TEXTS = 20;
// So many characters of a name are in the place that the API names.
const NAMED = 40;

/** Answers element, body(), hasTwice(), complain(problem), clear(), reset() and first(). */
export function orderForm(signal) {
  const items = newId("items");
  const lines = repeated({
    legend: "Lines", name: "line", least: 1, most: MOST_LINES, make: () => line(items),
  });
  const metadata = repeated({
    legend: "Metadata", name: "text", least: 0, most: MOST_TEXTS, make: text,
  });
  const reference = field("Reference", { dir: "auto" }, "The shop's own number for the order; may stay empty.");
  const hold = field("Hold for so many seconds", { inputmode: "numeric" }, "Empty: the order is sold at once. 900 are 15 minutes.");
  const single = { reference, holdSeconds: hold };
  lines.reset();

  function body() {
    const texts = named(metadata).map(({ name, value }) => [name.input.value, value.input.value]);
    return {
      items: lines.groups().map(({ item, quantity }) =>
        ({ itemId: item.input.value.trim(), quantity: typedNumber(quantity.input.value) })),
      reference: reference.input.value.trim() || undefined,
      holdSeconds: typedNumber(hold.input.value),
      // Of entries, as a name may be __proto__.
      metadata: texts.length ? Object.fromEntries(texts) : undefined,
    };
  }

  /** Complains of names that are given twice, which a JSON object can't say; answers whether there
   * are any. */
  function hasTwice() {
    const seen = new Set();
    let isFound = false;
    for (const { name } of named(metadata)) {
      if (seen.has(name.input.value)) {
        name.complain("This name is given twice.");
        isFound = true;
      }
      seen.add(name.input.value);
    }
    return isFound;
  }

  /** Shows each problem at its field; answers those that have none, as lines of text. */
  function complain({ errors = [], items: short = [] }) {
    return [
      ...errors.filter(({ field: place, reason }) => !at(place, reason)).map(({ field: place, reason }) => `${place}: ${reason}`),
      ...short.filter((each) => !ofShort(each)).map(({ itemId }) => `There is too little of item ${itemId}.`),
    ];
  }

  function at(place, given) {
    const reason = inWords(given);
    const ofLine = /^items\[(\d+)\](?:\.(itemId|quantity))?$/.exec(place);
    const found = ofLine
      ? lines.groups()[ofLine[1]]?.[ofLine[2] === "quantity" ? "quantity" : "item"]
      : single[place] ?? ofText(place, reason);
    if (found) found.complain(reason);
    else if (place === "items") lines.errors.add(reason);
    else if (place === "metadata") metadata.errors.add(reason);
    else return false;
    return true;
  }

  function ofText(place, reason) {
    if (!place.startsWith("metadata.")) return null;
    const cut = (name) => [...name].slice(0, NAMED).join("");
    const found = named(metadata).filter(({ name }) => cut(name.input.value) === place.slice("metadata.".length));
    return found[0]?.[reason.startsWith("the name:") ? "name" : "value"];
  }

  function ofShort({ itemId, requested, available }) {
    const found = lines.groups().find(({ item }) => item.input.value.trim().toLowerCase() === itemId);
    if (available === null) found?.item.complain("The inventory has no such item.");
    else found?.quantity.complain(`${number(available)} in stock, and ${number(requested)} were asked for.`);
    return found;
  }

  function clear() {
    for (const { item, quantity } of lines.groups()) [item, quantity].forEach((each) => each.clear());
    for (const { name, value } of metadata.groups()) [name, value].forEach((each) => each.clear());
    for (const each of [reference, hold, lines.errors, metadata.errors]) each.clear();
  }

  function reset() {
    for (const each of [reference, hold]) each.input.value = "";
    lines.reset();
    metadata.reset();
    clear();
  }

  const element = h("div", {}, suggestions(items, signal), lines.element,
    h("section", {}, h("h2", {}, "The order"), reference.element, hold.element), metadata.element);
  return { element, body, hasTwice, complain, clear, reset, first: () => lines.groups()[0].first };
}

// The API tells it to programs, which count lines from 0 and read patterns.
function inWords(reason) {
  if (reason.startsWith("must match ")) return "An item's id is 24 digits and letters from a to f.";
  return reason.replace(/items\[(\d+)\]/g, (_, place) => `line ${Number(place) + 1}`);
}

function line(items) {
  const item = field("Item's id", { list: items, placeholder: "24 digits and letters from a to f", class: "id" });
  const quantity = field("Quantity", { inputmode: "numeric", value: 1 });
  return { fields: [item.element, quantity.element], first: item.input, item, quantity };
}

function text() {
  const name = field("Name", { dir: "auto" });
  const value = field("Text", { dir: "auto" });
  return { fields: [name.element, value.element], first: name.input, name, value };
}

// A row that nobody filled asks for nothing.
const named = (metadata) => metadata.groups().filter(({ name, value }) => name.input.value || value.input.value);
