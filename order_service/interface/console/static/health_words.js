// What is not well, in sentences, the worst first.

import { counted, number } from "./shown.js";

// Seconds, and records: what a busy moment leaves is no trouble.
const LATE = 60;
const BEHIND = 1000;

/** Of each kind of orders that wait, and of dead letters, no more are asked for: as many as one
 * request replays. */
export const LISTED = 100;

/** [{text, isUrgent, seconds}]; seconds: how long something has waited, or null. heard: the state of each
 * reading ("known", "unknown", "unheard", or "forbidden" with its error), and what was found. */
export function troublesOf({ status, waiting, letters }) {
  if (status.state === "forbidden") return [urgent(`You can't be told how it is: ${status.error.message}`)];
  if (status.state === "unknown") return [urgent("Nobody can tell how it is: the API does not say. What stands below may be old.")];
  const { dependencies = {}, workers = null, backlog = null } = status.found ?? {};
  const isKnown = status.state === "known";
  const sorted = [
    ...missing(dependencies, true), ...ofWorkers(workers), ...ofStuck(backlog), ...missing(dependencies, false),
    ...ofWaiting(waiting), ...ofEvents(backlog), ...ofLag(workers),
    isKnown && backlog === null && urgent("Nobody can tell what waits: the store does not say."),
    ...ofGone(workers), ...ofLetters(letters),
  ].filter(Boolean);
  return [...sorted.filter(({ isUrgent }) => isUrgent), ...sorted.filter(({ isUrgent }) => !isUrgent)];
}

const urgent = (text, seconds = null) => ({ text, seconds, isUrgent: true });
const mild = (text) => ({ text, seconds: null, isUrgent: false });

function missing(dependencies, required) {
  return Object.entries(dependencies)
    .filter(([, each]) => each.status !== "ok" && each.required === required)
    .map(([name, { detail = "" }]) => urgent(`The ${name} is unavailable${required ? ": nothing works without it" : ""}. ${detail}`.trim()));
}

function ofWorkers(workers) {
  if (workers === null) return [];
  const alive = aliveOf(workers);
  if (!alive.length) {
    return [urgent("No worker runs: events are not published, holds do not expire, and the log of stock changes stands still.")];
  }
  return alive.flatMap(ofParts);
}

// Parts of a worker fail together, for one reason.
function ofParts({ id, dependencies }) {
  const failing = Object.entries(dependencies).filter(([, { status }]) => status !== "ok");
  const byDetail = Map.groupBy(failing, ([, { detail = "" }]) => detail);
  return [...byDetail].map(([detail, parts]) => {
    const names = parts.map(([name]) => name).join(" and ");
    return urgent(`Worker ${id}: its ${names} ${parts.length === 1 ? "does" : "do"} not work. ${detail}`.trim());
  });
}

const aliveOf = (workers) => (workers ?? []).filter(({ alive }) => alive);

export const lagOf = ({ partitions }) => partitions.reduce((sum, { lag }) => sum + lag, 0);

function ofLag(workers) {
  const lag = aliveOf(workers).reduce((sum, each) => sum + lagOf(each), 0);
  return lag > BEHIND ? [urgent(`The log of stock changes is ${counted(lag, "record")} behind.`)] : [];
}

// One that began after another was last seen took its place; where they die again and again, one place.
function ofGone(workers) {
  const gone = (workers ?? []).filter(({ alive }) => !alive).map(({ seenAt }) => seenAt).sort();
  const begun = aliveOf(workers).map(({ startedAt }) => startedAt).sort();
  const replaced = begun.reduce((number, at) => number + (gone[number] < at), 0);
  const left = gone.length - replaced;
  return left > 0 ? [mild(`${counted(left, "worker")} ended in the last hour without an orderly stop, and no other took the place.`)] : [];
}

function ofStuck(backlog) {
  if (!backlog?.ordersStuck) return [];
  return [urgent(`${many(backlog.ordersStuck, backlog.most, "order is", "orders are")} stuck, and may need a person.`)];
}

/** "12 orders", or "10,000 or more orders" where no more than so many are counted. */
function many(value, most, one, others) {
  return value >= most ? `${number(value)} or more ${others}` : counted(value, one, others);
}

function ofWaiting({ state, found }) {
  if (state === "unknown") return [urgent("Nobody can tell which orders wait too long: see below why.")];
  if (!found) return [];
  const { overdue, holds } = found;
  return [
    overdue.length > 0 && urgent(`${many(overdue.length, LISTED, "order waits", "orders wait")} longer than the worker should take.`),
    holds.length > 0 && urgent(`${many(holds.length, LISTED, "hold is", "holds are")} over, and the stock is not back yet.`),
  ];
}

function ofEvents(backlog) {
  const seconds = backlog?.oldestUnpublishedSeconds ?? 0;
  return seconds > LATE ? [urgent("The oldest event is not published yet.", seconds)] : [];
}

function ofLetters({ state, found }) {
  if (state === "unknown") return [mild("Nobody can tell of dead letters: see below why.")];
  const waiting = found?.deadLetters.filter(({ logged }) => !logged).length ?? 0;
  if (waiting) return [mild(`${many(waiting, found.more ? waiting : Infinity, "dead letter waits", "dead letters wait")} for somebody.`)];
  return found && !found.complete ? [mild("There may be dead letters: a request has not the time to read all.")] : [];
}
