// What is wrong, in sentences, the worst first.

import { span } from "./clock.js";
import { counted } from "./shown.js";

// Seconds, and records: what a busy moment leaves is no trouble.
const LATE = 60;
const BEHIND = 1000;

/** No sentence where all is well. */
export function verdictOf({ dependencies, workers, backlog }) {
  const missing = Object.entries(dependencies).filter(([, { status }]) => status !== "ok");
  const named = (required) => missing.filter(([, each]) => each.required === required)
    .map(([name, { detail }]) => `${the(name)} is unavailable${required ? ": nothing works without it" : ""}. ${detail ?? ""}`.trim());
  return [...named(true), ...named(false), ...ofWorkers(workers), ...ofBacklog(backlog)];
}

function ofWorkers(workers) {
  if (workers === null) return [];
  const alive = workers.filter((each) => each.alive);
  if (!alive.length) {
    return ["No worker runs: events are not published, holds do not expire, and the log of stock changes stands still."];
  }
  const gone = workers.length - alive.length;
  const lag = lagOf(alive);
  return [
    ...alive.flatMap(({ id, dependencies }) => Object.entries(dependencies)
      .filter(([, { status }]) => status !== "ok")
      .map(([name, { detail }]) => `Worker ${id}: its ${name} does not work. ${detail ?? ""}`.trim())),
    ...(lag > BEHIND ? [`The log of stock changes is ${counted(lag, "record")} behind.`] : []),
    ...(gone ? [`${counted(gone, "worker")} ended without saying so in the last hour.`] : []),
  ];
}

function ofBacklog(backlog) {
  if (backlog === null) return [];
  const { ordersStuck, holdsOverdue, oldestPendingSeconds, oldestUnpublishedSeconds } = backlog;
  return [
    ordersStuck > 0 && `${counted(ordersStuck, "order is", "orders are")} stuck, and may need a person: see below.`,
    oldestPendingSeconds > LATE && `An order has waited for its stock for ${span(oldestPendingSeconds)}.`,
    oldestUnpublishedSeconds > LATE && `An event has waited to be published for ${span(oldestUnpublishedSeconds)}.`,
    holdsOverdue > 0 && `${counted(holdsOverdue, "hold is", "holds are")} over, and the stock is not back yet.`,
  ].filter(Boolean);
}

export const lagOf = (workers) =>
  workers.flatMap(({ partitions }) => partitions).reduce((sum, { lag }) => sum + lag, 0);

const the = (name) => `The ${name}`;
