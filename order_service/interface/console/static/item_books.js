// Whether an item's orders, the log and the stock agree.

import { get } from "./api.js";
import { local, time } from "./clock.js";
import { announce, h, newId } from "./dom.js";
import { inWords } from "./item_stock.js";
import { address } from "./route.js";
import { may } from "./session.js";
import { counted, number, orderLink } from "./shown.js";
import { fill } from "./states.js";

const SCOPE = "orders:admin";
const MOST_LINKS = 10;

/** The panel. since: tells since when. found: told the findings. goTo: shows a time. */
export function booksPanel(id, signal, { since, found, goTo }) {
  const titled = newId("books");
  const result = h("div", {});
  const button = h("button", { type: "button", class: "primary", disabled: !may(SCOPE), onclick: compare }, "Compare the books");
  let isAsking = false;

  async function compare() {
    if (isAsking) return;
    isAsking = true;
    button.setAttribute("aria-disabled", true);
    await fill(result, "all books of this item", signal, ask, (answer) => reportOf(answer, goTo));
    button.setAttribute("aria-disabled", false);
    isAsking = false;
  }

  async function ask() {
    const from = since();
    const answer = await get(`/api/items/${id}/reconciliation`, { since: from }, signal);
    found(answer.report.findings);
    announce(verdict(answer.report));
    return { since: from, ...answer };
  }

  return h("section", { class: "panel", "aria-labelledby": titled },
    h("h2", { id: titled }, "Do the books agree?"),
    h("p", {}, "Holds our orders, the log of stock changes and the inventory's stock against each other, since the beginning of the time above. What is younger than a minute is not judged."),
    h("p", { class: "buttons" }, button, !may(SCOPE) && h("span", {}, `Your token lacks the scope ${SCOPE}, which this asks for.`)),
    result);
}

function verdict({ agrees, findings, orders }) {
  const differing = findings.filter(({ differs }) => differs).length;
  if (differing) return `The books differ: ${counted(differing, "finding")}.`;
  if (!agrees) return `Not known: ${counted(orders.stuck, "order is", "orders are")} stuck.`;
  const isAwaited = findings.some(({ kind, mayNotBeLoggedYet }) => mayNotBeLoggedYet || kind === "not_yet_logged");
  return isAwaited ? "The books agree so far: the log is still to hear of some changes." : "The books agree.";
}

function reportOf({ since, report }, goTo) {
  return h("div", { class: "report" },
    h("div", { class: `state ${report.agrees ? "good" : "bad"}` },
      h("p", { class: "strong" }, verdict(report)), h("p", {}, `Since ${local(since)}.`)),
    h("ul", { class: "findings" }, report.findings.map((each) => findingOf(each, goTo)), othersOf(report).map((text) => h("li", {}, text))),
    totals(report));
}

function findingOf(finding, goTo) {
  const { kind, differs, text, orders, stockChanges, at } = finding;
  const more = orders.length - MOST_LINKS;
  return h("li", {},
    h("span", { class: `status ${differs ? "bad" : ""}` }, inWords(kind)), " ", text,
    orders.length > 0 && h("p", {}, "Orders: ", orders.slice(0, MOST_LINKS).map((order) => [orderLink(order), " "]),
      more > 0 && `and ${number(more)} more`),
    stockChanges.length > 0 && h("p", {}, "Stock changes: ", h("span", { class: "id" }, stockChanges.slice(0, MOST_LINKS).join(", "))),
    at && h("p", {}, h("button", { type: "button", onclick: () => goTo(at) }, "Show ", time(at), " above")));
}

function othersOf({ orders: { stuck, held }, log: { misdated, repeats } }) {
  return [
    stuck && [`${counted(stuck, "order is", "orders are")} stuck, and may or may not have moved the stock. `,
      h("a", { href: address("health") }, "See what decides it")],
    held.orders && `${counted(held.orders, "order holds", "orders hold")} ${counted(held.units, "unit")} of what was taken, to be confirmed or given back.`,
    misdated && `${counted(misdated, "stock change")} had a time still to come when the log received it: the time of receipt counts instead. Check the inventory's clock.`,
    repeats && `${counted(repeats, "entry logs", "entries log")} a change that another entry has already.`,
  ].filter(Boolean);
}

function totals({ orders: { took, gaveBack, waiting }, log, stockNow }) {
  const tally = ({ times, units }) => `${signed(units)} in ${counted(times, "change")}`;
  const facts = [
    ["Taken by orders", tally({ ...took, units: -took.units })], ["Given back", tally(gaveBack)],
    ["In the log", tally(log)], ["Of these by others", tally(log.byOthers)],
    ["Stock by the log", log.lastStock === null ? "–" : number(log.lastStock)],
    ["Stock now", stockNow === null ? "no such item" : number(stockNow)],
    ["Orders under way", number(waiting)],
  ];
  return h("dl", { class: "facts" }, facts.map(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]));
}

const signed = (units) => (units > 0 ? `+${number(units)}` : number(units || 0).replace("-", "−"));
