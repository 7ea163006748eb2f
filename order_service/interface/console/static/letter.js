// One dead letter: a row, and the letter whole.

import { get } from "./api.js";
import { time, wholeTime } from "./clock.js";
import { h, replace } from "./dom.js";
import { may } from "./session.js";
import { counted } from "./shown.js";
import { failed, loading } from "./states.js";
import { foreign } from "./texts.js";

export const LETTERS = ["Chosen", "Buried", "Record", "What is wrong", "Letter", "Replay"];

/** mark(id, isChosen), replay(ids): called with what somebody does. */
export function letterRow(letter, mark, replay) {
  const { _id, original, buriedAt, reason, replays, logged, whole } = letter;
  const name = `${original.topic}/${original.partition}/${original.offset}`;
  const box = () => h("input", { type: "checkbox", "aria-label": `Choose ${name}`, onchange: ({ target }) => mark(_id, target.checked) });
  const button = () => h("button", { type: "button", disabled: !may("orders:admin"), "aria-label": `Replay ${name}`, onclick: () => replay([_id]) }, "Replay …");
  return {
    key: JSON.stringify([_id, logged, replays]),
    cells: () => [
      box(), buriedAt ? time(buriedAt) : "unknown", h("span", { class: "id" }, name),
      [foreign(reason), " ", logged && flag("in the log by now", "ok"), replays > 0 && flag(`came back ${counted(replays, "time")}`, "waiting"),
        !whole && flag("cut: can't be replayed", "bad")],
      details(letter), button(),
    ],
  };
}

const flag = (text, kind) => h("span", { class: `status ${kind}` }, text);

function details({ _id }) {
  const content = h("div", {});
  const open = async ({ target }) => {
    if (!target.open || content.hasChildNodes()) return;
    replace(content, loading("the letter"));
    try {
      replace(content, wholeLetter((await get(`/api/dead-letters/${_id}`)).deadLetter));
    } catch (error) {
      replace(content, failed(error));
    }
  };
  return h("details", { class: "payload", ontoggle: open }, h("summary", {}, "Look"), content);
}

function wholeLetter({ key, value, valueBytes, valueCut, headers, producedAt, buriedAt }) {
  const fact = (term, ...content) => [h("dt", {}, term), h("dd", {}, ...content)];
  const when = (at) => (at ? wholeTime(at) : "unknown");
  return [
    h("dl", { class: "facts" },
      fact("Produced", when(producedAt)), fact("Buried", when(buriedAt)),
      fact("Key", key === null ? "none" : foreign(key)),
      headers.map((each) => fact(foreign(each.name), each.value === null ? "none" : foreign(each.value)))),
    h("p", { class: "quiet" }, value === null ? "It has no value." : `Its value, ${counted(valueBytes, "byte")}${valueCut ? ", cut" : ""}:`),
    value !== null && h("pre", { tabindex: 0 }, value),
  ];
}
