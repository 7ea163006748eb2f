import { h, replace } from "./dom.js";

export const title = "Order";

export function open(page) {
  replace(page, h("h1", {}, title));
}
