// Records that could not be logged, by what is wrong with them; to look at, and to replay.

import { get } from "./api.js";
import { h, newId, replace } from "./dom.js";
import { LISTED } from "./health_words.js";
import { setKeyed } from "./keyed.js";
import { LetterGroup } from "./letter_group.js";
import { livePanel } from "./live_panel.js";
import { askReplay, reportOf } from "./replay.js";
import { counted } from "./shown.js";
import { empty } from "./states.js";

const EVERY = 15;
const UNREAD = "A request has not the time to read all of them; the command order-service dead-letters has.";

export function deadLettersPanel(signal, verdict) {
  const field = newId("waiting");
  const waiting = h("input", { id: field, type: "checkbox", checked: true, onchange: () => look(false) });
  const outcome = h("div", { role: "status", tabindex: -1 });
  const panel = livePanel("Dead letters",
    h("p", {}, "Records of stock changes that could not be logged. Mend the cause, then replay them."),
    h("p", {}, waiting, " ", h("label", { for: field, class: "beside" }, "Waiting only: leave out those that are in the log by now")), outcome);
  const groups = new Groups(replay);

  async function read(until) {
    const query = { waiting: waiting.checked, limit: LISTED };
    groups.show(await verdict.hears("letters", get("/api/dead-letters", query, until)));
    if (!groups.element.isConnected) replace(panel.body, groups.element);
  }

  async function replay(ids, force = false) {
    const report = await askReplay(ids, force, signal);
    if (!report || signal.aborted) return;
    replace(outcome, reportOf(report, replay));
    // The button that was pressed may go with its letter.
    outcome.focus();
    look(true);
  }

  function look(keeps) {
    panel.look("the dead letters", read, EVERY, signal, keeps);
  }

  look(false);
  return panel.element;
}

/** The letters by their fault: element, and show(answer), which keeps what stays. */
class Groups {
  constructor(replay) {
    this.replay = replay;
    this.known = new Map();
    this.list = h("div", {});
    this.note = h("div", {});
    this.element = h("div", {}, this.list, this.note);
  }

  show({ deadLetters, more, complete }) {
    const byCode = Map.groupBy(deadLetters, ({ code }) => code);
    for (const code of this.known.keys()) if (!byCode.has(code)) this.known.delete(code);
    for (const code of byCode.keys()) if (!this.known.has(code)) this.known.set(code, new LetterGroup(code, this.replay));
    setKeyed(this.list, [...byCode.keys()].map((code) => ({ key: code, make: () => this.known.get(code).element })));
    for (const [code, letters] of byCode) this.known.get(code).show(letters, more);
    replace(this.note, noteOf(deadLetters.length, more, complete));
  }
}

function noteOf(number, more, complete) {
  if (!number) return empty(complete ? "There are no dead letters." : `No dead letter was found so far. ${UNREAD}`);
  return h("p", { class: "quiet note" }, more ? `These are the newest ${number}; there are more. ` : `${counted(number, "dead letter")} in all. `,
    !complete && h("strong", {}, `There may be others. ${UNREAD}`));
}
