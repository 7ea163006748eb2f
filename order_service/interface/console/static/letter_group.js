// The dead letters of one fault: which are chosen, and their replay.

import { h, replace } from "./dom.js";
import { letterRow, LETTERS } from "./letter.js";
import { may } from "./session.js";
import { counted } from "./shown.js";
import { setRows, table } from "./table.js";

const SCOPE = "orders:admin";

/** element, and show(letters, more), which keeps what stays. replay(ids): called on a press. */
export class LetterGroup {
  constructor(code, replay) {
    this.code = code;
    this.replay = replay;
    this.chosen = new Set();
    this.ids = [];
    this.heading = h("h3", {});
    this.table = table(`Dead letters, ${code}`, LETTERS);
    const isAllowed = may(SCOPE);
    const button = (ids) => h("button", { type: "button", disabled: !isAllowed, onclick: () => ids().length && replay(ids()) });
    this.some = button(() => [...this.chosen]);
    this.all = button(() => this.ids);
    this.element = h("section", { class: "group" }, this.heading, this.table,
      h("p", { class: "buttons" }, this.some, this.all, !isAllowed && `Your token lacks the scope ${SCOPE}, which a replay asks for.`));
  }

  show(letters, more) {
    const number = counted(letters.length, "letter");
    this.ids = letters.map(({ _id }) => _id);
    for (const id of this.chosen) if (!this.ids.includes(id)) this.chosen.delete(id);
    replace(this.heading, `${this.code.replaceAll("_", " ")}: ${number}`);
    replace(this.all, more ? `Replay these ${letters.length} …` : `Replay all ${letters.length} …`);
    this.count();
    setRows(this.table, letters.map((letter) => letterRow(letter, this)));
  }

  choose(id, isChosen) {
    if (isChosen) this.chosen.add(id);
    else this.chosen.delete(id);
    this.count();
  }

  // A button that is disabled would lose the keyboard's place.
  count() {
    const { size } = this.chosen;
    replace(this.some, size ? `Replay the ${size} chosen …` : "Replay the chosen …");
    this.some.setAttribute("aria-disabled", size === 0);
  }
}
