import { h, replace } from "./dom.js";

export const title = "Place an order";

export function open(page) {
  replace(page, h("h1", {}, title));
}
