// The start, and the way from the address to the view.

import { h, newId, replace } from "./dom.js";
import * as health from "./health.js";
import * as item from "./item.js";
import * as items from "./items.js";
import * as newOrder from "./new_order.js";
import * as order from "./order.js";
import * as orders from "./orders.js";
import { address, current } from "./route.js";
import { comeBack, onChange, signedIn } from "./session.js";
import { form, who } from "./signing_in.js";

const EXPIRED = "The API does not accept your token any more: it may have expired. Sign in again to go on where you are.";

// A view has a title, and open(page, route, signal), which fills the page until the signal.
const views = {
  orders: ({ rest }) => (rest.length ? order : orders),
  new: () => newOrder,
  items: ({ rest }) => (rest.length ? item : items),
  health: () => health,
};
const main = document.getElementById("main");
let leaving = new AbortController();

function show(trouble = null) {
  leaving.abort();
  leaving = new AbortController();
  const route = current();
  const view = Object.hasOwn(views, route.view) ? views[route.view](route) : null;
  if (!signedIn()) replace(main, form(trouble));
  else if (!view) replace(main, nothingHere());
  else {
    const page = h("section", {});
    replace(main, page);
    view.open(page, route, leaving.signal);
  }
  document.title = `${signedIn() ? view?.title ?? "Nothing here" : "Sign in"} · Order Service`;
  showWhere(route.view);
}

function nothingHere() {
  return h("section", {}, h("h1", {}, "There is nothing here"),
    h("p", {}, h("a", { href: address("orders") }, "To the orders")));
}

function showWhere(view) {
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === address(view)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  replace(document.getElementById("who"), who());
}

// The view stays, with what was typed, while a new token is had.
function askForAnother() {
  const titled = newId("again");
  const inside = form(EXPIRED);
  inside.querySelector("h1").id = titled;
  const dialog = h("dialog", { class: "again", "aria-labelledby": titled, onclose: closed }, inside);

  function closed() {
    dialog.remove();
    if (!signedIn()) show();
  }

  document.body.append(dialog);
  dialog.showModal();
}

function changed(what) {
  const asking = document.querySelector("dialog.again");
  if (what === "refused") {
    if (!asking) askForAnother();
  } else if (what === "in" && asking) {
    asking.close();
    replace(document.getElementById("who"), who());
  } else show();
}

let trouble = null;
try {
  await comeBack();
} catch (error) {
  trouble = error.message;
}
onChange(changed);
addEventListener("hashchange", () => {
  if (!location.hash.startsWith("#/")) return;
  document.querySelector("dialog.again")?.close();
  show();
  main.focus();
});
document.getElementById("skip").addEventListener("click", () => main.focus());
show(trouble);
