// Records that could not be logged, by what is wrong with them; to look at, and to replay.

import { get } from "./api.js";
import { h, newId, replace } from "./dom.js";
import { letterRow, LETTERS } from "./letter.js";
import { livePanel } from "./live_panel.js";
import { askReplay, reportOf } from "./replay.js";
import { may } from "./session.js";
import { counted } from "./shown.js";
import { empty } from "./states.js";
import { setRows, table } from "./table.js";

const EVERY = 15;
const MOST = 100;
const SCOPE = "orders:admin";

export function deadLettersPanel(signal) {
  const field = newId("waiting");
  const waiting = h("input", { id: field, type: "checkbox", checked: true, onchange: () => look() });
  const outcome = h("div", { role: "status" });
  const panel = livePanel("Dead letters",
    h("p", {}, "Stock events that could not become entries of the log. Mend the cause, then replay them."),
    h("p", {}, waiting, " ", h("label", { for: field, class: "beside" }, "Only those that are not in the log by now")), outcome);
  const groups = new Map();
  let leaving = new AbortController();

  async function read() {
    const found = await get("/api/dead-letters", { waiting: waiting.checked, limit: MOST }, signal);
    show(found);
  }

  function show({ deadLetters, more, complete }) {
    if (!deadLetters.length) {
      groups.clear();
      replace(panel.body, empty(complete ? "There are no dead letters." : "None was found in the time that a request has. The command order-service dead-letters reads all of them."));
      return;
    }
    const byCode = Map.groupBy(deadLetters, ({ code }) => code);
    for (const code of groups.keys()) if (!byCode.has(code)) groups.delete(code);
    for (const code of byCode.keys()) if (!groups.has(code)) groups.set(code, groupOf(code, replay));
    for (const [code, letters] of byCode) groups.get(code).show(letters);
    const elements = [...groups.values()].map(({ element }) => element);
    const isSame = elements.length === panel.body.children.length - 1 && elements.every((each, place) => each === panel.body.children[place]);
    const note = h("p", { class: "quiet" }, noteOf(deadLetters.length, more, complete));
    if (isSame) panel.body.lastChild.replaceWith(note);
    else replace(panel.body, elements, note);
  }

  async function replay(ids, force = false) {
    const report = await askReplay(ids, force, signal);
    if (!report) return;
    replace(outcome, reportOf(report, (looping) => replay(looping, true)));
    look();
  }

  function look() {
    leaving.abort();
    leaving = new AbortController();
    panel.look("the dead letters", read, EVERY, AbortSignal.any([signal, leaving.signal]));
    groups.clear();
  }

  look();
  return panel.element;
}

function noteOf(number, more, complete) {
  return [
    counted(number, "dead letter"), more ? ", the newest; there are more." : ".",
    !complete && " The time that a request has did not suffice for all; the command order-service dead-letters reads them.",
  ];
}

/** The letters of one fault: element, and show(letters). */
function groupOf(code, replay) {
  const chosen = new Set();
  const heading = h("h3", {});
  const shown = table(`Dead letters, ${code}`, LETTERS);
  let ids = [];
  const some = h("button", { type: "button", onclick: () => chosen.size && replay([...chosen]) }, "Replay the chosen …");
  const all = h("button", { type: "button", onclick: () => replay(ids) }, "Replay all of these …");
  const buttons = h("p", { class: "buttons" }, some, all, !may(SCOPE) && `Your token lacks the scope ${SCOPE}.`);
  for (const button of [some, all]) button.disabled = !may(SCOPE);

  function mark(id, isChosen) {
    if (isChosen) chosen.add(id);
    else chosen.delete(id);
    some.setAttribute("aria-disabled", chosen.size === 0);
  }

  function show(letters) {
    ids = letters.map(({ _id }) => _id);
    for (const id of chosen) if (!ids.includes(id)) chosen.delete(id);
    some.setAttribute("aria-disabled", chosen.size === 0);
    replace(heading, `${code.replaceAll("_", " ")}: ${counted(letters.length, "letter")}`);
    setRows(shown, letters.map((letter) => letterRow(letter, mark, replay)));
  }

  return { element: h("section", { class: "group" }, heading, shown, buttons), show };
}
