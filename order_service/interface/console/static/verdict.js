// Whether all is well, from everything that the view reads.

import { span } from "./clock.js";
import { announce, h, replace } from "./dom.js";
import { troublesOf } from "./health_words.js";

/** names: what has to be heard before all can be well. */
export class Verdict {
  constructor(names) {
    this.heard = Object.fromEntries(names.map((name) => [name, { state: "unheard" }]));
    this.element = h("div", {});
    this.show();
  }

  /** Waits for an answer of the API, hears it or that it failed, and passes it on. */
  async hears(name, answer) {
    try {
      const found = await answer;
      this.hear(name, { state: "known", found });
      return found;
    } catch (error) {
      if (error.name !== "AbortError") this.hear(name, error.status === 403 ? { state: "forbidden", error } : { state: "unknown" });
      throw error;
    }
  }

  hear(name, what) {
    this.heard[name] = what;
    this.show();
  }

  show() {
    const isWaiting = Object.values(this.heard).some(({ state }) => state === "unheard");
    const { kind, first, rest } = said(troublesOf(this.heard), isWaiting);
    replace(this.element, h("div", { class: `state ${kind}` }, h("p", { class: "strong" }, withTime(first)),
      rest.length > 0 && h("ul", {}, rest.map((each) => h("li", {}, withTime(each))))));
    this.tell([first, ...rest].map(({ text }) => text).join(" "), isWaiting);
  }

  // How long something lasts is no news, and a part that was not heard yet may be the worst.
  tell(text, isWaiting) {
    if (isWaiting || text === this.told) return;
    this.told = text;
    announce(text);
  }
}

function said(troubles, isWaiting) {
  const [worst, ...others] = troubles;
  if (worst?.isUrgent) return { kind: "bad", first: worst, rest: others };
  if (isWaiting) return { kind: "", first: { text: "Looking whether all is well …" }, rest: troubles };
  if (worst) return { kind: "waiting", first: { text: "Everything works, and something is left to look at:" }, rest: troubles };
  return { kind: "good", first: { text: "All is well." }, rest: [] };
}

const withTime = ({ text, seconds }) => (seconds ? `${text} It has waited for ${span(seconds)}.` : text);
