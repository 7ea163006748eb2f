// The parts of the service, and what waits in it.

import { agoOf, span, wholeTime } from "./clock.js";
import { h, replace } from "./dom.js";
import { lagOf } from "./health_words.js";
import { setKeyed } from "./keyed.js";
import { counted, number } from "./shown.js";
import { setRows, table } from "./table.js";

const AWAY = "Nobody knows of the workers while the store is away.";
const NONE = "No worker has been seen in the last hour. Start one: order-service worker.";

/** What the API needs, and the workers: element, and show(status), which keeps what stays. */
export class Parts {
  constructor() {
    this.needed = table("What the API needs", ["The API needs", "State", "What is wrong"]);
    this.workers = h("div", {});
    this.known = new Map();
    this.element = h("div", {}, this.needed, this.workers);
  }

  show({ dependencies, workers }) {
    setRows(this.needed, Object.entries(dependencies).map(([name, each]) => ({
      key: JSON.stringify([name, each]), cells: () => needed(name, each),
    })));
    if (!workers?.length) {
      const text = workers === null ? AWAY : NONE;
      this.known.clear();
      setKeyed(this.workers, [{ key: text, make: () => none(text) }]);
      return;
    }
    const ids = new Set(workers.map(({ id }) => id));
    for (const id of this.known.keys()) if (!ids.has(id)) this.known.delete(id);
    for (const id of ids) if (!this.known.has(id)) this.known.set(id, new Worker(id));
    setKeyed(this.workers, workers.map(({ id }) => ({ key: `worker ${id}`, make: () => this.known.get(id).element })));
    for (const worker of workers) this.known.get(worker.id).show(worker);
  }
}

const none = (text) => h("p", { class: "state bad strong worker" }, text);

function needed(name, each) {
  const isWell = each.status === "ok";
  return [
    [name, h("span", { class: "quiet" }, each.required ? ", required" : ", not required: it does without for a while")],
    state(isWell, isWell ? "works" : "is missing"), trouble(each),
  ];
}

class Worker {
  constructor(id) {
    this.state = h("span", {});
    this.about = h("p", { class: "quiet" });
    this.parts = h("ul", { class: "parts" });
    this.partitions = table(`Partitions of worker ${id}`,
      ["Topic", { text: "Partition", amount: true }, { text: "Behind", amount: true }]);
    this.more = h("details", {}, h("summary", {}, "Its partitions"), this.partitions);
    this.element = h("section", { class: "worker" },
      h("h3", {}, "Worker ", h("span", { class: "id" }, id), " ", this.state), this.about, this.parts, this.more);
  }

  show(worker) {
    const { alive, version, startedAt, seenAt, dependencies, partitions } = worker;
    replace(this.state, state(alive, alive ? "alive" : "gone"));
    replace(this.about, `Release ${version}, started `, agoOf(startedAt), ", seen ", agoOf(seenAt), ". ", lagText(worker));
    // What a dead one said of itself is over.
    setKeyed(this.parts, Object.entries(alive ? dependencies : {}).map(([name, each]) => ({
      key: JSON.stringify([name, each]), make: () => part(name, each),
    })));
    this.more.hidden = !partitions.length;
    setRows(this.partitions, partitions.map(({ topic, partition, lag }) => ({
      key: JSON.stringify([topic, partition, lag]), cells: () => [topic, number(partition), number(lag)],
    })));
  }
}

function part(name, each) {
  const isWell = each.status === "ok";
  return h("li", {}, state(isWell, `${name} ${isWell ? "works" : "does not work"}`), " ", trouble(each));
}

function lagText(worker) {
  const { partitions, alive } = worker;
  if (!partitions.length) return alive ? "It reads no partition." : "";
  return `It ${alive ? "reads" : "read"} ${counted(partitions.length, "partition")}, ${counted(lagOf(worker), "record")} behind.`;
}

const state = (isWell, text) => h("span", { class: `status ${isWell ? "ok" : "bad"}` }, text);

function trouble({ status, detail, since }) {
  if (status === "ok") return "";
  return [detail ?? "", since ? [" Since ", wholeTime(since)] : ""];
}

export function backlogOf({ backlog }) {
  if (backlog === null) return h("p", {}, "Nobody knows while the store is away.");
  const many = (value) => (value >= backlog.most ? `${number(value)} or more` : number(value));
  const oldest = (seconds) => (seconds > 0 ? `, the oldest for ${span(seconds)}` : "");
  const facts = [
    ["Orders that wait for their stock", many(backlog.ordersPending) + oldest(backlog.oldestPendingSeconds)],
    ["Stuck among them", many(backlog.ordersStuck)],
    ["Events to be published", many(backlog.eventsUnpublished) + oldest(backlog.oldestUnpublishedSeconds)],
    ["Orders held", many(backlog.ordersHeld)],
    ["Holds that are over", many(backlog.holdsOverdue)],
  ];
  return h("dl", { class: "facts" }, facts.map(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]));
}
