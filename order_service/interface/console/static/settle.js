// A person's word on a stuck order.

import { post } from "./api.js";
import { h, newId } from "./dom.js";
import { ask } from "./question.js";
import { counted, orderLink, status } from "./shown.js";

const LONGEST = 500;

/** What the order becomes on a way out of its doubts. */
export function becomes(order, { status: name, settled }) {
  if (!settled) return `the worker has yet to move stock, and then the order becomes ${name}`;
  return name === order.status ? `the order stays ${name}` : `the order becomes ${name}`;
}

/** Asks for the reason, and settles the order by the word, "completed" or "failed". Resolves to the
 * API's answer, or to null. */
export function askWord(stuck, word, signal) {
  const { order, version } = stuck;
  const field = newId("reason");
  const reason = h("textarea", { id: field, rows: 3, required: true, maxlength: LONGEST });
  return ask({
    title: `Settle order ${order._id}?`,
    text: textsOf(stuck, word),
    fields: [h("label", { for: field }, "How you know (the order's history keeps it, and its customer can read it)"), reason],
    yes: "Yes, settle it",
    signal,
    act: async () => {
      const body = { outcome: word, reason: reason.value };
      return (await post(`/api/orders/${order._id}/settle`, body, { "If-Match": `"${version}"` })).body;
    },
  });
}

function textsOf({ order, byWord, changesInDoubt: changes }, word) {
  const isMade = word === "completed";
  const each = isMade ? "made every one of these changes" : "made none of these changes";
  const one = isMade ? "did what the order asked for" : "did not do what the order asked for";
  return [
    changes.length > 0 ? `You say that the inventory ${each}: ${changes.map(changeText).join("; ")}.` : `You say that the inventory ${one}.`,
    changes.length > 1 && "Your word is about all of these items alike. Where the inventory made some of the changes, correct the stock first, so that your word is true of all.",
    `By your word ${becomes(order, byWord[word])}.`,
    "Your word moves no stock: if the stock of an item in doubt is wrong, correct it in the inventory.",
  ].filter(Boolean);
}

const changeText = ({ itemId, previousStock, newStock }) => `item ${itemId} from ${previousStock} to ${newStock}`;

/** What became of it. */
export function settledText({ order, alike }) {
  return h("div", { class: "state good" },
    h("p", {}, "You settled order ", orderLink(order._id), ": it is ", status(order.status), " now."),
    alike.length > 0 && [
      h("p", {}, `The same overwrite was to serve ${counted(alike.length, "other order", "other orders")}, still stuck. Settle likewise:`),
      h("ul", {}, alike.map((id) => h("li", {}, orderLink(id)))),
    ]);
}
