// The replay of dead letters, and what became of it.

import { post } from "./api.js";
import { announce, h } from "./dom.js";
import { ask } from "./question.js";
import { counted } from "./shown.js";

/** Resolves to the API's report, or to null. */
export function askReplay(ids, force, signal) {
  return ask({
    title: `Replay ${counted(ids.length, "dead letter")}?`,
    text: [
      "Their records are sent to their topics again. What is still wrong comes back as a dead letter.",
      force && "These came back three times already: unless the cause is mended they will again.",
    ].filter(Boolean),
    yes: "Yes, replay",
    signal,
    act: async () => (await post("/api/dead-letters/replay", { ids, force })).body,
  });
}

/** force(ids): replays those that came back too often. */
export function reportOf({ replayed, logged, superseded, looping, cut, failed }, force) {
  const lines = [
    [replayed.length, "was sent again", "were sent again"],
    [logged, "is in the log already", "are in the log already"],
    [superseded, "has a later letter, which counts instead", "have later letters, which count instead"],
    [cut.length, "is cut, and can't be replayed", "are cut, and can't be replayed"],
    [failed.length, "was not confirmed by Kafka: try again", "were not confirmed by Kafka: try again"],
    [looping.length, "came back three times, and was not sent", "came back three times, and were not sent"],
  ].filter(([number]) => number > 0).map(([number, one, many]) => `${counted(number, "letter")} ${number === 1 ? one : many}.`);
  announce(lines.join(" "));
  const isGood = failed.length + looping.length + cut.length === 0;
  return h("div", { class: `state ${isGood ? "good" : "bad"}` },
    lines.length ? lines.map((line) => h("p", {}, line)) : h("p", {}, "None of these letters was found."),
    looping.length > 0 && h("button", { type: "button", onclick: () => force(looping) }, "Send these all the same …"));
}
