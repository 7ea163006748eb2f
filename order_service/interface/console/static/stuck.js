// Orders that wait too long: why, what would decide each, and the form by which a person decides.

import { get, post } from "./api.js";
import { wholeTime } from "./clock.js";
import { announce, h, newId, replace } from "./dom.js";
import { livePanel } from "./live_panel.js";
import { ask } from "./question.js";
import { may } from "./session.js";
import { counted, itemLink, number, orderLink, status } from "./shown.js";
import { empty } from "./states.js";
import { foreign } from "./texts.js";

const EVERY = 10;
const SCOPE = "orders:admin";
const WORDS = {
  completed: { button: "The changes were made …", said: "made every change in doubt" },
  failed: { button: "They were not made …", said: "made none of the changes in doubt" },
};

export function stuckPanel(signal) {
  const outcome = h("div", { role: "status" });
  const panel = livePanel("Orders that wait too long", outcome);
  let shown = null;

  async function read() {
    const found = await get("/api/stuck-orders", {}, signal);
    // A form that somebody is about to use stays, unless something changed.
    const key = JSON.stringify([found.stuck, found.overdue, found.holds].map((list) => list.map(({ order }) => [order._id, order.updatedAt])));
    if (key === shown) return;
    shown = key;
    replace(panel.body, contentOf(found, decide));
  }

  async function decide(stuck, word) {
    const settled = await askWord(stuck, word, signal);
    if (!settled) return;
    const { order, alike } = settled;
    replace(outcome, h("div", { class: "state good" },
      h("p", {}, "Order ", orderLink(order._id), " is ", status(order.status), " now."),
      alike.length > 0 && h("p", {}, `The same overwrite was to serve ${counted(alike.length, "other order")}. Settle likewise: `,
        alike.map((id) => [orderLink(id), " "]))));
    shown = null;
    await read();
  }

  panel.look("the orders that wait", read, EVERY, signal);
  return panel.element;
}

function contentOf({ stuck, overdue, holds, more }, decide) {
  if (!stuck.length && !overdue.length && !holds.length) return empty("No order is stuck, and none is overdue.");
  return [
    stuck.map((each) => articleOf(each, decide)),
    listOf("Overdue: the worker has yet to settle them. Does one run, and does it reach the inventory?", overdue),
    listOf("Holds that are over: the worker has yet to give the stock back. Until then they can still be confirmed.", holds),
    more && h("p", {}, "There are more than are shown."),
  ];
}

function listOf(text, entries) {
  return entries.length > 0 && h("div", {}, h("h3", {}, text),
    h("ul", {}, entries.map(({ order }) => h("li", {}, orderLink(order._id), " ", status(order.status)))));
}

function articleOf(stuck, decide) {
  const { order, reason, since, changesInDoubt, byEvidence, byWord, sharedWith } = stuck;
  const fact = (term, ...value) => [h("dt", {}, term), h("dd", {}, ...value)];
  const buttons = Object.entries(WORDS).map(([word, { button }]) => h("button", {
    type: "button", class: "danger", disabled: !may(SCOPE) || byWord[word] === null, onclick: () => decide(stuck, word),
  }, button));
  return h("article", { class: "stuck" },
    h("h3", {}, "Stuck: ", orderLink(order._id), " ", status(order.status)),
    h("dl", { class: "facts" },
      fact("Why", foreign(reason)), fact("Since", wholeTime(since)),
      changesInDoubt.length > 0 && fact("In doubt", h("ul", {}, changesInDoubt.map(changeOf))),
      fact("Evidence would decide", byEvidence
        ? ["once the log has these changes: ", becomes(byEvidence)]
        : "nothing that the service could see"),
      sharedWith > 0 && fact("Shared with", `${counted(sharedWith, "other order")} of the same overwrite`)),
    h("p", { class: "buttons" }, h("span", {}, "You know what the inventory did?"), buttons,
      !may(SCOPE) && h("span", {}, `Your token lacks the scope ${SCOPE}.`)));
}

const changeOf = ({ itemId, previousStock, newStock }) =>
  h("li", {}, "stock ", `${number(previousStock)} → ${number(newStock)} of item `, itemLink(itemId));

const becomes = ({ status: name, settled }) =>
  settled ? `the order becomes ${name}` : `the worker still moves stock, and then the order becomes ${name}`;

async function askWord({ order, version, byWord, changesInDoubt }, word, signal) {
  const field = newId("reason");
  const reason = h("textarea", { id: field, name: "reason", rows: 3, required: true, maxlength: 500 });
  return ask({
    title: `Settle order ${order._id}?`,
    text: [
      `You say that the inventory ${WORDS[word].said} (${counted(changesInDoubt.length, "change")}, all alike). By your word ${becomes(byWord[word])}.`,
      "This moves no stock: if the stock of an item in doubt is wrong, correct it in the inventory first.",
    ],
    fields: [h("label", { for: field }, "How you know (the order's history keeps it, and its customer can read it)"), reason],
    yes: "Yes, settle it",
    signal,
    act: async () => {
      const answer = await post(`/api/orders/${order._id}/settle`, { outcome: word, reason: reason.value }, { "If-Match": `"${version}"` });
      announce(`Order ${order._id} is settled.`);
      return answer.body;
    },
  });
}
