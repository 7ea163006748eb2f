// One stuck order: why, since when, what would decide it, and the way to a person's word.

import { agoOf, wholeTime } from "./clock.js";
import { h } from "./dom.js";
import { becomes } from "./settle.js";
import { may } from "./session.js";
import { counted, itemLink, number, orderLink, status } from "./shown.js";
import { foreign } from "./texts.js";

const SCOPE = "orders:admin";
const BUTTONS = { completed: "The inventory made the changes …", failed: "It made none of them …" };

/** stuck: as the API has it. waitsSince: text. decide(stuck, word): called with "completed" or "failed". */
export function stuckOrder(stuck, waitsSince, decide) {
  const { order, reason, since, recordedAt, changesInDoubt, sharedWith } = stuck;
  return h("article", { class: "stuck" },
    h("h3", {}, "Stuck: ", orderLink(order._id), " ", status(order.status)),
    h("dl", { class: "facts" },
      fact("Why", foreign(reason)),
      fact("Since", wholeTime(since)),
      fact("Waits since", agoOf(waitsSince)),
      changesInDoubt.length > 0 && fact("In doubt", h("ul", {}, changesInDoubt.map(changeOf))),
      recordedAt && fact("Meant to be sent", wholeTime(recordedAt)),
      sharedWith > 0 && fact("Shared with", `${counted(sharedWith, "other order")} that the same overwrite was to serve`),
      fact("Decided by evidence", evidence(stuck))),
    words(stuck, decide));
}

const fact = (term, ...value) => [h("dt", {}, term), h("dd", {}, ...value)];

const changeOf = ({ itemId, previousStock, newStock }) =>
  h("li", {}, `stock ${number(previousStock)} → ${number(newStock)} of item `, itemLink(itemId));

function evidence({ order, byEvidence, changesInDoubt, recordedAt }) {
  if (!byEvidence) return "Nothing that the service could see decides it.";
  const changes = changesInDoubt.length === 1 ? "the change in doubt" : "all changes in doubt";
  const made = recordedAt ? ", made since it was meant to be sent" : "";
  return `Once the stock-change log has ${changes}${made}, ${becomes(order, byEvidence)}, without a person's word.`;
}

function words(stuck, decide) {
  const { byWord } = stuck;
  const isAllowed = may(SCOPE);
  const buttons = Object.entries(BUTTONS).map(([word, text]) => h("button", {
    type: "button", class: "danger", disabled: !isAllowed || !byWord[word], onclick: () => decide(stuck, word),
  }, text));
  const impossible = Object.keys(BUTTONS).filter((word) => !byWord[word]);
  return [
    h("p", { class: "buttons" }, h("span", {}, "Do you know what the inventory did?"), buttons),
    !isAllowed && h("p", { class: "quiet" }, `Your token lacks the scope ${SCOPE}, which a person's word asks for.`),
    impossible.length > 0 && h("p", { class: "quiet" }, `“${BUTTONS[impossible[0]].replace(" …", "")}” can't settle this order: a price was never read.`),
  ];
}
