// The parts of the service, and what waits in it.

import { ago, span, wholeTime } from "./clock.js";
import { h } from "./dom.js";
import { lagOf } from "./health_words.js";
import { counted, number } from "./shown.js";
import { setRows, table } from "./table.js";

const WORDS = { ok: "works", unavailable: "is missing" };

export function dependenciesOf({ dependencies }) {
  const shown = table("What the API needs", ["The API needs", "State", "What is wrong"]);
  return setRows(shown, Object.entries(dependencies).map(([name, each]) => ({
    key: name,
    cells: () => [
      each.required ? name : `${name} (can do without for a while)`,
      state(each.status === "ok", WORDS[each.status]), trouble(each),
    ],
  })));
}

export function workersOf({ workers }) {
  if (workers === null) return h("p", { class: "state bad" }, "Nobody knows of the workers while the store is away.");
  if (!workers.length) return h("p", { class: "state bad" }, "No worker has been seen in the last hour. Start one: order-service worker.");
  return workers.map((worker) => h("section", { class: "worker" },
    h("h3", {}, "Worker ", h("span", { class: "id" }, worker.id), " ", state(worker.alive, worker.alive ? "alive" : "gone")),
    h("p", { class: "quiet" }, `Release ${worker.version}, started ${ago(worker.startedAt)}, seen ${ago(worker.seenAt)}. `,
      lagText(worker)),
    h("ul", { class: "parts" }, Object.entries(worker.dependencies).map(([name, each]) =>
      h("li", {}, state(worker.alive && each.status === "ok", name), " ", trouble(each)))),
    worker.partitions.length > 0 && partitionsOf(worker)));
}

function lagText({ partitions }) {
  if (!partitions.length) return "It reads no partition.";
  return `It reads ${counted(partitions.length, "partition")}, ${counted(lagOf([{ partitions }]), "record")} behind.`;
}

function partitionsOf({ id, partitions }) {
  const shown = table(`Partitions of worker ${id}`, ["Topic", { text: "Partition", amount: true }, { text: "Behind", amount: true }]);
  return h("details", {}, h("summary", {}, "Its partitions"), setRows(shown, partitions.map(({ topic, partition, lag }) => ({
    key: `${topic} ${partition}`, cells: () => [topic, number(partition), number(lag)],
  }))));
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
