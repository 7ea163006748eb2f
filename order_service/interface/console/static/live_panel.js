// A panel of a view whose content is read again and again.

import { exactTime, now } from "./clock.js";
import { h, newId, replace } from "./dom.js";
import { poll } from "./poll.js";
import { failed, loading } from "./states.js";

/** A panel with a heading: its element, and its body, which look fills. above: children between the
 * two. */
export function livePanel(heading, ...above) {
  const titled = newId("panel");
  const trouble = h("div", {});
  const body = h("div", {});
  const element = h("section", { class: "panel", "aria-labelledby": titled },
    h("h2", { id: titled }, heading), above, trouble, body);
  let told = null;
  let isRead = false;
  let readAt = null;
  let leaving = new AbortController();

  function tell(error, again = null) {
    // The same trouble is not said twice.
    if (told === error?.message) return;
    told = error?.message;
    replace(trouble, error && [failed(error, again), isRead && asOf(readAt)]);
  }

  /** Shows that it is loading, and calls read(signal), which fills the body, until the signal or the
   * next look: every so many seconds, or once where that is null. What the body has stays while
   * reading fails. keeps: what was read before stays until then, too. */
  function look(what, read, every, signal, keeps = false) {
    leaving.abort();
    leaving = new AbortController();
    const until = AbortSignal.any([signal, leaving.signal]);
    isRead &&= keeps;
    if (!isRead) replace(body, loading(what));
    tell(null);

    async function work() {
      await read(until);
      isRead = true;
      readAt = new Date(now()).toISOString();
      tell(null);
    }

    function say(error) {
      if (!isRead) replace(body);
      tell(error, every === null ? () => look(what, read, every, signal, keeps) : null);
    }

    if (every === null) work().catch((error) => until.aborted || say(error));
    else poll(work, every, until, say);
  }

  return { element, body, look };
}

const asOf = (text) => h("p", { class: "quiet" }, "What stands below is as it was at ", exactTime(text), ".");
