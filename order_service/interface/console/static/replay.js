// The replay of dead letters, and what became of it.

import { post } from "./api.js";
import { h } from "./dom.js";
import { ask } from "./question.js";
import { counted } from "./shown.js";

/** Resolves to the API's report, or to null. */
export function askReplay(ids, force, signal) {
  const texts = [
    "Their records are sent to their topics again, and each is logged once, however often it is sent. What is still wrong comes back as a new dead letter.",
    force && "These came back three times already: unless the cause is mended they will again.",
  ];
  return ask({
    title: `Replay ${counted(ids.length, "dead letter")}${force ? " all the same" : ""}?`,
    text: texts.filter(Boolean),
    yes: "Yes, replay",
    signal,
    act: async () => (await post("/api/dead-letters/replay", { ids, force })).body,
  });
}

/** replay(ids, force): asks for a replay of those that were left. */
export function reportOf({ replayed, logged, superseded, looping, cut, failed, missing = [] }, replay) {
  const lines = [
    line(replayed.length, "was sent again.", "were sent again."),
    line(logged, "is in the log already, and was left alone.", "are in the log already, and were left alone."),
    line(superseded, "has a newer letter of the same record, and was left alone.", "have newer letters of the same records, and were left alone."),
    line(looping, "came back three times, and was not sent.", "came back three times, and were not sent.",
      button("Send them all the same …", () => replay(looping, true))),
    line(cut, "has a part of its record alone, and can't be replayed: let its sender send it again.",
      "have a part of their records alone, and can't be replayed: let their senders send them again."),
    line(failed, "was not sent, or Kafka did not confirm it.", "were not sent, or Kafka did not confirm them.",
      button("Replay them again …", () => replay(failed))),
    line(missing, "is not there any more.", "are not there any more."),
  ].filter(Boolean);
  const isGood = [looping, cut, failed, missing].every(({ length }) => length === 0);
  return h("div", { class: `state ${isGood ? "good" : "bad"}` }, lines);
}

const button = (text, onclick) => h("button", { type: "button", onclick }, text);

/** of: a number of letters, or their ids, which are named. */
function line(of, one, others, ...more) {
  const number = of.length ?? of;
  if (!number) return null;
  return h("div", { class: "reported" }, h("p", {}, `${counted(number, "letter")} ${number === 1 ? one : others}`),
    of.length && h("p", { class: "id" }, of.join(", ")), more);
}
