// One dead letter: a row, and the letter whole.

import { get } from "./api.js";
import { time, wholeTime } from "./clock.js";
import { h, replace } from "./dom.js";
import { may } from "./session.js";
import { counted, number } from "./shown.js";
import { failed, loading } from "./states.js";
import { foreign } from "./texts.js";

export const LETTERS = ["Chosen", "Buried", "Record", "What is wrong", "Letter", "Replay"];

/** group: what is chosen (a Set of ids), and choose(id, isChosen), replay(ids). */
export function letterRow(letter, group) {
  const { _id, original, buriedAt, reason, replays, logged, whole } = letter;
  const name = `${original.topic}/${original.partition}/${original.offset}`;
  const isAllowed = may("orders:admin");
  return {
    key: JSON.stringify([_id, logged, replays]),
    cells: () => [
      h("input", {
        type: "checkbox", disabled: !isAllowed, checked: group.chosen.has(_id), "aria-label": `Choose ${name}`,
        onchange: ({ target }) => group.choose(_id, target.checked),
      }),
      buriedAt ? time(buriedAt) : "unknown", h("span", { class: "id" }, name),
      [foreign(reason), logged && flag("in the log by now", "ok"),
        replays > 0 && flag(`came back ${counted(replays, "time")}`, "waiting"), !whole && flag("cut: can't be replayed", "bad")],
      details(letter, name),
      h("button", { type: "button", disabled: !isAllowed, "aria-label": `Replay ${name} …`, onclick: () => group.replay([_id]) }, "Replay …"),
    ],
  };
}

const flag = (text, kind) => [" ", h("span", { class: `status ${kind}` }, text)];

function details({ _id }, name) {
  const content = h("div", {});
  const path = _id.split("/").map(encodeURIComponent).join("/");

  async function read() {
    replace(content, loading("the letter"));
    try {
      replace(content, wholeLetter((await get(`/api/dead-letters/${path}`)).deadLetter));
    } catch (error) {
      replace(content, failed(error, read));
    }
  }

  const open = ({ target }) => target.open && !content.hasChildNodes() && read();
  return h("details", { class: "payload", ontoggle: open }, h("summary", { "aria-label": `Look at ${name}` }, "Look"), content);
}

function wholeLetter({ _id, code, key, value, valueBytes, valueCut, headers, producedAt, buriedAt, replays }) {
  const fact = (term, ...content) => [h("dt", {}, term), h("dd", {}, ...content)];
  const when = (at) => (at ? wholeTime(at) : "unknown");
  const text = (content) => (content === null ? h("span", { class: "quiet" }, "none") : foreign(content));
  return [
    h("dl", { class: "facts" },
      fact("Letter", h("span", { class: "id" }, _id)), fact("Fault", h("code", {}, code)),
      fact("Produced", when(producedAt)), fact("Buried", when(buriedAt)), fact("Replayed", counted(replays, "time")),
      fact("Key", text(key)),
      headers.map((each) => fact(["Header ", foreign(each.name)], text(each.value)))),
    h("p", { class: "quiet" }, value === null ? "It has no value." : sizeOf(value, valueBytes, valueCut)),
    value !== null && h("pre", { tabindex: 0, role: "region", "aria-label": "The value" }, value),
  ];
}

function sizeOf(value, bytes, isCut) {
  return isCut ? `The first ${number(value.length)} characters of its value, which has ${counted(bytes, "byte")}:` : `Its value, ${counted(bytes, "byte")}:`;
}
