import { h, replace } from "./dom.js";

export const title = "How it is";

export function open(page) {
  replace(page, h("h1", {}, title));
}
