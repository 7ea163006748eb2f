// Texts of others: a shop's, a caller's, an operator's.

import { h } from "./dom.js";
import { counted } from "./shown.js";

const LONGEST = 2000;

/** A text, whatever is in it: it can't turn the words around it to the left, and it has an end. */
export function foreign(value) {
  const text = String(value);
  if (text.length <= LONGEST) return h("bdi", { class: "foreign" }, text);
  // Half of a character that is two units of UTF-16 would be no character.
  const begin = text.slice(0, LONGEST).replace(/[\ud800-\udbff]$/, "");
  return [h("bdi", { class: "foreign" }, begin),
    h("span", { class: "quiet" }, ` … and ${counted(text.length - begin.length, "more character")}`)];
}
