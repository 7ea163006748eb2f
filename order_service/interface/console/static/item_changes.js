// The changes of an item's stock, each with the record that told of it.

import { get } from "./api.js";
import { time } from "./clock.js";
import { announce, h, replace } from "./dom.js";
import { livePanel } from "./live_panel.js";
import { counted, number } from "./shown.js";
import { empty, failed } from "./states.js";
import { setRows, table } from "./table.js";

const PAGE = 25;
// A page that is left open on a busy item must not grow for ever.
const MOST = 500;
const LONGEST_PAYLOAD = 65536;
const COLUMNS = ["Logged", "Changed, says the inventory", "Stock", { text: "Amount", amount: true }, "Record", "Event"];

/** element; look(seen, signal); jumps(points): marks their rows; found(findings): likewise. */
export function changesPanel(id) {
  const panel = livePanel("Changes in this time");
  let rows = null;
  let flagged = { jumps: new Set(), found: new Set() };

  function look(seen, signal) {
    rows = new Rows(id, seen, signal, panel.body, () => flagged);
    panel.look("the changes", () => rows.read(), seen.every, signal);
  }

  function flag(name, keys) {
    flagged = { ...flagged, [name]: new Set(keys) };
    rows?.show();
  }

  return {
    element: panel.element, look,
    jumps: (points) => flag("jumps", points.map(({ at, stock }) => `${at} ${stock}`)),
    found: (findings) => flag("found", findings.filter(({ differs }) => differs).flatMap(({ stockChanges }) => stockChanges)),
  };
}

class Rows {
  constructor(id, seen, signal, body, flagged) {
    Object.assign(this, { id, seen, signal, body, flagged });
    this.known = null;
    this.cursor = null;
    this.trouble = h("div", {});
    this.older = h("button", { type: "button", onclick: () => this.readOlder() }, "Older changes");
    this.table = table("Changes of the stock, newest first", COLUMNS);
  }

  page(cursor) {
    const [from, to] = [this.seen.from(), this.seen.to()];
    return get("/api/stock-changes", { itemId: this.id, from, to, limit: PAGE, cursor }, this.signal);
  }

  /** The newest page, in front of what is known. */
  async read() {
    const { stockChanges, nextCursor } = await this.page(null);
    const before = new Set(this.known?.map(({ _id }) => _id));
    const added = stockChanges.filter(({ _id }) => !before.has(_id));
    const isBeyond = added.length > 0 && before.size + added.length > MOST;
    if (this.known === null || isBeyond || (added.length === stockChanges.length && nextCursor)) {
      // What is known is too much, or there may be others between it and these.
      this.known = stockChanges;
      this.cursor = nextCursor;
    } else {
      if (added.length) announce(`${counted(added.length, "new change")} of the stock.`);
      const from = this.seen.from();
      this.known = [...added, ...this.known].filter(({ createdAt }) => createdAt >= from).sort(newestFirst);
    }
    this.show(before.size ? added : []);
  }

  async readOlder() {
    if (this.older.getAttribute("aria-disabled") === "true") return;
    this.older.setAttribute("aria-disabled", true);
    replace(this.trouble);
    try {
      const cursor = this.cursor;
      const { stockChanges, nextCursor } = await this.page(cursor);
      // Meanwhile newer ones may have taken the place of all that was known.
      if (cursor !== this.cursor) return;
      const place = this.known.length;
      this.known = [...this.known, ...stockChanges];
      this.cursor = nextCursor;
      announce(`${counted(stockChanges.length, "older change")}.`);
      this.show();
      // A hidden button would lose the keyboard.
      if (this.older.hidden) this.table.tBodies[0].rows[place]?.querySelector("summary").focus();
    } catch (error) {
      if (!this.signal.aborted) replace(this.trouble, failed(error));
    } finally {
      this.older.setAttribute("aria-disabled", false);
    }
  }

  show(added = []) {
    if (this.known === null || this.signal.aborted) return;
    if (!this.known.length) {
      replace(this.body, empty("The log has no change of this item in this time."));
      return;
    }
    if (!this.table.isConnected) replace(this.body, this.table, this.trouble, h("p", { class: "buttons" }, this.older));
    this.older.hidden = this.cursor === null;
    const isNew = new Set(added.map(({ _id }) => _id));
    setRows(this.table, this.known.map((change) => rowOf(change, this.flagged(), isNew.has(change._id))));
  }
}

const newestFirst = (one, other) => (one._id < other._id ? 1 : -1);

function rowOf(change, { jumps, found }, isNew) {
  const flags = [
    jumps.has(`${change.createdAt} ${change.newStock}`) && flag("jump", "It did not begin where the change before it ended."),
    found.has(change._id) && flag("the books differ", "A finding of the comparison names this change."),
    change.contradictory && flag("contradicts itself", "New less previous stock is not what its type and amount say."),
  ].filter(Boolean);
  const { topic, partition, offset } = change.source;
  const sign = change.changeType === "reduced" ? "−" : "+";
  return {
    key: `${change._id} ${flags.map(({ textContent }) => textContent)}`, isNew,
    cells: () => [
      time(change.createdAt), time(change.updatedAt),
      [`${number(change.previousStock)} → ${number(change.newStock)}`, flags.map((each) => [" ", each])],
      sign + number(change.changeAmount),
      h("span", { class: "id" }, `${topic}/${partition}/${offset}`), payloadOf(change.payload),
    ],
  };
}

const flag = (text, why) => h("span", { class: "status bad", title: why }, text);

function payloadOf(payload) {
  const content = h("pre", { tabindex: 0 });
  const fill = () => {
    if (content.textContent) return;
    const text = JSON.stringify(payload, null, 2);
    content.textContent = text.slice(0, LONGEST_PAYLOAD) + (text.length > LONGEST_PAYLOAD ? "\n… (cut)" : "");
  };
  return h("details", { class: "payload", ontoggle: fill }, h("summary", {}, "Payload"), content);
}
