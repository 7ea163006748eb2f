// What can be done with an order: confirm, extend, cancel; each after a question.

import { ApiError, inWords, post } from "./api.js";
import { local } from "./clock.js";
import { h, newId, replace } from "./dom.js";
import { ask } from "./question.js";
import { may } from "./session.js";
import { counted, money } from "./shown.js";

const SCOPE = "orders:write";
const MINUTES = [5, 15, 30];
// The order is not what the asker saw: another question would be about something else.
const OUTDATED = new Set([404, 409, 412]);

const ACTIONS = {
  confirm: {
    label: "Confirm …", kind: "primary", title: "Confirm this order?", yes: "Yes, confirm it",
    text: (order) => `The order is sold then, for ${money(order.totalPrice, order.currency)}. Its stock does not go back unless the order is cancelled.`,
    said: () => "The order is confirmed: it is sold.",
  },
  extend: {
    label: "Hold until another time …", kind: null, title: "How long shall this order be held?", yes: "Yes, hold it so long",
    text: () => "It is counted from now on, and may be longer or shorter than what is left now.",
    said: ({ order }) => `The order is held until ${local(order.expiresAt)}.`,
  },
  cancel: {
    label: "Cancel …", kind: "danger", title: "Cancel this order?", yes: "Yes, cancel it",
    text: (order) => `${order.status === "RESERVED" ? "The hold is given up" : "The sale is taken back"}, and the stock of ${counted(order.lines.length, "line")} goes back to the inventory. A cancelled order stays cancelled.`,
    said: (_, status) => (status === 202
      ? "The cancellation is recorded. The order is cancelled as soon as its stock is back."
      : "The order is cancelled, and its stock is back."),
  },
};

function allowed({ status, expiresAt }, { isCancelling }) {
  if (status === "RESERVED" && expiresAt) return ["confirm", "extend", "cancel"];
  return status === "COMPLETED" && !isCancelling ? ["cancel"] : [];
}

/** element; update(order, etag, standing): what is shown now. changed: called with the order and its
 * ETag after a change, and with nothing where the order has to be read again. */
export function actions(signal, changed) {
  const said = h("div", { role: "status", tabindex: -1, class: "outcome" });
  const buttons = h("div", {});
  let shown = {};
  let offered = null;

  function update(order, etag, standing) {
    shown = { order, etag };
    const names = allowed(order, standing);
    const wanted = JSON.stringify([names, may(SCOPE)]);
    if (wanted === offered) return;
    offered = wanted;
    const hadFocus = buttons.contains(document.activeElement);
    replace(buttons, names.length > 0 && h("p", { class: "buttons" }, names.map(button)),
      names.length > 0 && !may(SCOPE) && h("p", { class: "quiet" }, `Your token lacks the scope ${SCOPE}, which a change of an order asks for.`));
    if (hadFocus) said.focus();
  }

  const button = (name) => h("button",
    { type: "button", class: ACTIONS[name].kind, disabled: !may(SCOPE), onclick: () => begin(name) }, ACTIONS[name].label);

  function begin(name) {
    // The question is about the order as it is shown now, whatever the page reads meanwhile.
    const { order, etag } = shown;
    const { title, yes, text } = ACTIONS[name];
    const wish = name === "extend" ? seconds() : null;
    ask({
      title, yes, text: [order._id, text(order)].flat(), fields: wish?.element ?? [], signal,
      act: () => act(name, order, etag, wish),
    }).then(() => {
      if (document.activeElement === document.body) said.focus();
    });
  }

  async function act(name, order, etag, wish) {
    replace(said);
    try {
      const body = wish && { holdSeconds: wish.value() };
      const answer = await post(`/api/orders/${order._id}/${name}`, body, { "If-Match": strong(etag) });
      changed(answer.body.order, answer.headers.get("ETag"));
      tell("good", ACTIONS[name].said(answer.body, answer.status));
    } catch (error) {
      if (!(error instanceof ApiError && OUTDATED.has(error.status))) {
        wish?.complain(error);
        throw error;
      }
      changed();
      tell("bad", "Nothing was done this time.", ...inWords(error), "The order is shown as it is now.");
    }
  }

  function tell(kind, ...lines) {
    replace(said, h("div", { class: `state ${kind}` }, lines.map((line) => h("p", {}, line))));
  }

  return { element: h("div", { class: "actions" }, said, buttons), update };
}

// A proxy that compresses answers weakens their ETags, and a weak one never matches.
const strong = (etag) => etag.replace(/^W\//, "");

function seconds() {
  const id = newId("seconds");
  const input = h("input", { id, type: "text", inputmode: "numeric", autocomplete: "off", value: MINUTES[1] * 60 });
  const preset = (minutes) => h("button",
    { type: "button", onclick: () => { input.value = minutes * 60; input.focus(); } }, `${minutes} minutes`);
  return {
    element: h("div", {}, h("label", { for: id }, "Seconds from now"),
      h("span", { class: "together" }, input), h("p", { class: "buttons" }, MINUTES.map(preset))),
    value: () => (/^\d+$/.test(input.value.trim()) ? Number(input.value) : input.value),
    complain(error) {
      if (!error.problem?.errors?.some(({ field }) => field === "holdSeconds")) return;
      input.setAttribute("aria-invalid", "true");
      input.focus();
    },
  };
}
