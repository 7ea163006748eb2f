// The states that every view has besides its own: loading, empty, failing, forbidden.

import { ApiError, inWords } from "./api.js";
import { h, replace } from "./dom.js";

// Another token, or less haste, and the same request is answered.
const PASSING = [401, 429];

export const loading = (what) => h("p", { class: "state", "aria-busy": "true" }, `Loading ${what} …`);

export const empty = (text, ...more) => h("div", { class: "state" }, h("p", {}, text), ...more);

/** What went wrong, in words, and a button that tries again where that may help. */
export function failed(error, again = null) {
  if (error instanceof ApiError && error.status === 403) return forbidden(error);
  const [first, ...more] = inWords(error);
  const hopeless = error instanceof ApiError && error.status >= 400 && error.status < 500 && !PASSING.includes(error.status);
  return h("div", { class: "state bad", role: "alert" },
    h("p", { class: "strong" }, first), more.map((line) => h("p", {}, line)),
    again && !hopeless && h("button", { type: "button", onclick: again }, "Try again"));
}

/** Shows in the element what went wrong; the same trouble is said once, and not at each try. */
export function tell(trouble, error, again) {
  const said = failed(error, again);
  if (trouble.textContent !== said.textContent) replace(trouble, said);
}

function forbidden(error) {
  const scope = error.problem.scope;
  return h("div", { class: "state bad", role: "alert" },
    h("p", { class: "strong" }, scope ? `Your token lacks the scope ${scope}.` : error.message),
    h("p", {}, "Ask whoever hands out tokens for one that has it, and sign in with that."));
}

/** Shows the state loading in the element, then what show makes of what load answers, or what went
 * wrong. signal: the view's. */
export async function fill(element, what, signal, load, show) {
  replace(element, loading(what));
  try {
    const found = await load();
    if (!signal.aborted) replace(element, show(found));
  } catch (error) {
    if (signal.aborted) return;
    replace(element, failed(error, () => fill(element, what, signal, load, show)));
  }
}
