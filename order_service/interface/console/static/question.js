// A question before something is done.

import { inWords } from "./api.js";
import { h, newId, replace } from "./dom.js";

/** Asks, and does it if the answer is yes. act: called with the dialog's form; what it raises is
 * shown, and the question stays. Resolves to what act answers, or to null for no. fields: elements
 * between the text and the buttons. */
export function ask({ title, text, yes, act, fields = [] }) {
  return new Promise((resolve) => {
    const titled = newId("question");
    const trouble = h("div", { role: "alert" });
    const go = h("button", { type: "submit", class: "primary" }, yes);
    const form = h("form", { onsubmit: submit },
      h("h2", { id: titled }, title), [text].flat().map((line) => h("p", {}, line)), fields, trouble,
      h("p", { class: "buttons" },
        h("button", { type: "button", onclick: () => dialog.close() }, "No, leave it"), go));
    const dialog = h("dialog", { "aria-labelledby": titled, onclose: closed }, form);
    let answer = null;

    async function submit(event) {
      event.preventDefault();
      if (go.disabled) return;
      go.disabled = true;
      replace(trouble);
      try {
        answer = await act(form);
        dialog.close();
      } catch (error) {
        replace(trouble, h("div", { class: "state bad" }, inWords(error).map((line) => h("p", {}, line))));
      } finally {
        go.disabled = false;
      }
    }

    function closed() {
      dialog.remove();
      resolve(answer);
    }

    document.body.append(dialog);
    dialog.showModal();
  });
}
