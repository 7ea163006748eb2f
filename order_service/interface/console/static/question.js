// A question before something is done.

import { inWords } from "./api.js";
import { h, newId, replace } from "./dom.js";

/** Asks, and does it if the answer is yes. act: called with the dialog's form; what it raises is
 * shown, and the question stays. Resolves to what act answers, or to null for no. fields: elements
 * between the text and the buttons. signal: the view's; a question ends with it. */
export function ask({ title, text, yes, act, fields = [], signal = null }) {
  return new Promise((resolve) => {
    const titled = newId("question");
    const trouble = h("div", { role: "alert" });
    const go = h("button", { type: "submit", class: "primary" }, yes);
    const form = h("form", { onsubmit: submit },
      h("h2", { id: titled }, title), [text].flat().map((line) => h("p", {}, line)), fields, trouble,
      h("p", { class: "buttons" },
        h("button", { type: "button", onclick: leave }, "No, leave it"), go));
    const dialog = h("dialog", { "aria-labelledby": titled, onclose: closed }, form);
    let answer = null;
    let isBusy = false;

    async function submit(event) {
      event.preventDefault();
      if (isBusy) return;
      mark(true);
      replace(trouble);
      try {
        answer = await act(form);
        dialog.close();
      } catch (error) {
        replace(trouble, h("div", { class: "state bad" }, inWords(error).map((line) => h("p", {}, line))));
      } finally {
        mark(false);
      }
    }

    // A button that is disabled would lose the keyboard's place.
    function mark(busy) {
      isBusy = busy;
      go.setAttribute("aria-disabled", busy);
    }

    function leave() {
      dialog.close();
    }

    function closed() {
      signal?.removeEventListener("abort", leave);
      dialog.remove();
      resolve(answer);
    }

    signal?.addEventListener("abort", leave);
    document.body.append(dialog);
    dialog.showModal();
  });
}
