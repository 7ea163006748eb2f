// Tables that are cards on a phone's width, and keep their rows while they are read anew.

import { h } from "./dom.js";
import { setKeyed } from "./keyed.js";

/** A table. columns: texts, or {text, amount: true} for numbers. Give its rows with setRows. */
export function table(caption, columns) {
  const heads = columns.map((column) => (typeof column === "string" ? { text: column } : column));
  return h("table", { class: "rows" },
    h("caption", { class: "unseen" }, caption),
    h("thead", {}, h("tr", {}, heads.map(({ text, amount }) => h("th", { scope: "col", class: amount && "amount" }, text)))),
    h("tbody", { "data-heads": JSON.stringify(heads) }));
}

/** Rows: {key, cells, isNew}; cells: a function that answers a child, or a list of children, for each
 * column. A row whose key was there stays the same element, or the keyboard's place would be lost. */
export function setRows(made, rows) {
  const body = made.tBodies[0];
  const heads = JSON.parse(body.dataset.heads);
  setKeyed(body, rows.map((row) => ({ key: row.key, make: () => elementOf(row, heads) })));
  return made;
}

function elementOf({ cells, isNew }, heads) {
  return h("tr", { class: isNew && "new" }, cells().map((inside, number) =>
    h("td", { "data-label": heads[number].text, class: heads[number].amount && "amount" }, h("div", {}, inside))));
}
