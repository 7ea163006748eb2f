// Orders that wait too long: those that are stuck, and those that the worker has yet to take up.

import { get } from "./api.js";
import { agoOf } from "./clock.js";
import { h, replace } from "./dom.js";
import { LISTED } from "./health_words.js";
import { setKeyed } from "./keyed.js";
import { livePanel } from "./live_panel.js";
import { orderLink, status } from "./shown.js";
import { empty } from "./states.js";
import { askWord, settledText } from "./settle.js";
import { stuckOrder } from "./stuck_order.js";
import { setRows, table } from "./table.js";

const EVERY = 10;
const OVERDUE = "The worker has yet to settle these. Does one run, and does it reach the inventory?";
const HOLDS = "The worker has yet to give the stock back. Until then these can still be confirmed, extended or cancelled.";

export function stuckPanel(signal, verdict) {
  const outcome = h("div", { role: "status", tabindex: -1 });
  const panel = livePanel("Orders that wait too long", outcome);
  const lists = new Lists(decide);

  async function read(until) {
    lists.show(await verdict.hears("waiting", get("/api/stuck-orders", { limit: LISTED }, until)));
    if (!lists.element.isConnected) replace(panel.body, lists.element);
  }

  async function decide(stuck, word) {
    const settled = await askWord(stuck, word, signal);
    if (!settled || signal.aborted) return;
    replace(outcome, settledText(settled));
    // The button that was pressed goes with its order.
    outcome.focus();
    look(true);
  }

  function look(keeps) {
    panel.look("the orders that wait", read, EVERY, signal, keeps);
  }

  look(false);
  return panel.element;
}

/** Orders stuck, orders overdue and holds that are over: element, and show(answer), which keeps what
 * stays. */
class Lists {
  constructor(decide) {
    this.decide = decide;
    this.none = empty("No order is stuck, and none is overdue.");
    this.stuck = h("div", {});
    this.overdue = new Waiting("Overdue orders", OVERDUE);
    this.holds = new Waiting("Holds that are over", HOLDS);
    this.more = h("p", {}, `Of a kind, the ${LISTED} that wait longest are shown. There may be more.`);
    this.element = h("div", {}, this.none, this.stuck, this.overdue.element, this.holds.element, this.more);
  }

  show({ now, stuck, overdue, holds, more }) {
    const since = (seconds) => new Date(Date.parse(now) - seconds * 1000).toISOString();
    this.none.hidden = stuck.length + overdue.length + holds.length > 0;
    this.more.hidden = !more;
    setKeyed(this.stuck, stuck.map((each) => ({
      key: `${each.order._id} ${each.version}`, make: () => stuckOrder(each, since(each.waitsForSeconds), this.decide),
    })));
    this.overdue.show(overdue.map(({ order, waitsForSeconds }) => [order, since(waitsForSeconds)]));
    this.holds.show(holds.map(({ order, overdueForSeconds }) => [order, since(overdueForSeconds)]));
  }
}

class Waiting {
  constructor(heading, text) {
    this.table = table(heading, ["Order", "Status", "Since"]);
    this.element = h("section", { class: "group" }, h("h3", {}, heading), h("p", {}, text), this.table);
  }

  show(entries) {
    this.element.hidden = !entries.length;
    setRows(this.table, entries.map(([order, since]) => ({
      key: `${order._id} ${order.updatedAt}`, cells: () => [orderLink(order._id), status(order.status), agoOf(since)],
    })));
  }
}
