// A new order, as a trial: it is a real one.

import { ApiError, inWords, post } from "./api.js";
import { exactTime } from "./clock.js";
import { h, newId, replace } from "./dom.js";
import { Keys } from "./keys.js";
import { orderForm } from "./order_form.js";
import { may } from "./session.js";
import { STATUSES, money, orderLink, status } from "./shown.js";

export const title = "Place an order";

const SCOPE = "orders:write";
// The API answers these again to the same key, for a day.
const REMEMBERED = new Set(["insufficient_stock", "item_not_found"]);

export function open(page, _, signal) {
  const keys = new Keys();
  const trouble = h("div", { role: "alert" });
  const made = h("div", { role: "status" });
  const key = h("code", {});
  const go = h("button", { type: "submit", class: "primary", disabled: !may(SCOPE) }, title);
  const fields = orderForm(signal);
  const form = h("form", { class: "new-order", novalidate: true, onsubmit: send, oninput: showKey },
    h("p", { class: "state" }, "This is for trying the service, and the order is a real one: it takes stock from the inventory, and whoever listens to the service hears of it. Cancel it to give the stock back."),
    fields.element, trouble,
    h("p", { class: "hint" }, "Idempotency key: ", key, ". It stays as long as the order stays as it is, so an order that is sent twice is made once."),
    h("p", { class: "buttons" }, go, !may(SCOPE) && h("span", {}, `Your token lacks the scope ${SCOPE}, which a new order asks for.`)));
  let isSending = false;

  const content = () => JSON.stringify(fields.body());

  function showKey() {
    replace(key, keys.of(content()));
  }

  async function send(event) {
    event.preventDefault();
    if (isSending) return;
    fields.clear();
    replace(trouble);
    if (fields.hasTwice()) return toFirstBad();
    const sent = content();
    busy(true);
    try {
      const answer = await post("/api/orders", JSON.parse(sent), { "Idempotency-Key": keys.sending(sent) });
      keys.over(sent);
      if (!signal.aborted) succeed(answer);
    } catch (error) {
      if (!signal.aborted) refuse(error, sent);
    } finally {
      busy(false);
    }
  }

  function busy(is) {
    isSending = is;
    go.setAttribute("aria-disabled", is);
    replace(go, is ? "Placing the order …" : title);
  }

  function refuse(error, sent) {
    const problem = error instanceof ApiError ? error.problem : {};
    const left = fields.complain(problem);
    const isShown = problem.errors?.length || problem.items?.length;
    const lines = isShown ? ["The order was not made: see the fields that are marked.", ...left] : inWords(error);
    replace(trouble, h("div", { class: "state bad" }, [...lines, ...advice(error)].map((text) => h("p", {}, text)),
      REMEMBERED.has(error.code) && h("p", { class: "buttons" },
        h("button", { type: "button", onclick: () => renewKey(sent) }, "Take a new key"))));
    toFirstBad();
  }

  function renewKey(sent) {
    keys.over(sent);
    showKey();
    replace(trouble);
    go.focus();
  }

  function toFirstBad() {
    form.querySelector("[aria-invalid=true]")?.focus();
  }

  function succeed({ status: code, headers, body: { order } }) {
    const isReplayed = headers.get("Idempotent-Replayed") === "true";
    const titled = h("h2", { id: newId("made"), tabindex: -1 }, isReplayed ? "The order was made before" : "The order is made");
    form.hidden = true;
    replace(made, h("div", { class: "state good" }, titled,
      isReplayed && h("p", {}, "It was made when it was sent before with this key. Nothing was taken twice."),
      code === 202 && h("p", {}, "The inventory has not answered yet. The order is settled as soon as it is known what became of the stock."),
      h("p", {}, status(order.status), " ", STATUSES[order.status]),
      order.totalPrice !== null && h("p", {}, "Total: ", money(order.totalPrice, order.currency)),
      order.expiresAt && h("p", {}, "Held until ", exactTime(order.expiresAt)),
      h("p", {}, "Order ", orderLink(order._id)),
      h("p", { class: "buttons" },
        h("button", { type: "button", onclick: () => goOn() }, "Place another one like it"),
        h("button", { type: "button", onclick: () => { fields.reset(); goOn(); } }, "Place a different one"))));
    titled.focus();
  }

  function goOn() {
    replace(made);
    form.hidden = false;
    showKey();
    fields.first().focus();
  }

  replace(page, h("h1", {}, title), made, form);
  showKey();
}

function advice(error) {
  if (!(error instanceof ApiError)) return [];
  if (REMEMBERED.has(error.code)) return ["The same order gets the same answer again under this key. Change the order, or take a new key once there is more."];
  if (error.status !== 0 && error.status < 500) return [];
  return ["Send it again as it is: should it have been made after all, the key keeps it from being made twice."];
}
