// Fields of a form, each with what the API finds wrong with it.

import { h, newId, replace } from "./dom.js";

/** A field with its label. Answers element, input, complain(reason) and clear(). */
export function field(label, attributes = {}, hint = null) {
  const id = newId("field");
  const hinted = hint && `${id}-hint`;
  const errors = complaints(`${id}-error`);
  const input = h("input", { type: "text", autocomplete: "off", spellcheck: "false", ...attributes, id, "aria-describedby": hinted });
  input.addEventListener("input", clear);

  function clear() {
    errors.clear();
    input.removeAttribute("aria-invalid");
    describe(hinted);
  }

  function describe(...ids) {
    const named = ids.filter(Boolean).join(" ");
    if (named) input.setAttribute("aria-describedby", named);
    else input.removeAttribute("aria-describedby");
  }

  function complain(reason) {
    errors.add(reason);
    input.setAttribute("aria-invalid", "true");
    describe(errors.id, hinted);
  }

  const element = h("div", { class: "field" }, h("label", { for: id }, label), input, errors.element,
    hint && h("p", { id: hinted, class: "hint" }, hint));
  return { element, input, complain, clear };
}

/** What is wrong with something, line by line. */
export function complaints(id = newId("error")) {
  const element = h("div", { id, class: "complaints" });
  return {
    id,
    element,
    add: (reason) => element.append(h("p", {}, reason)),
    clear: () => replace(element),
  };
}

/** The number that was typed; whatever else was typed, for the API to say what is wrong with it;
 * undefined where nothing was. */
export function typedNumber(text) {
  const typed = text.trim();
  if (typed === "") return undefined;
  return /^-?\d+(\.\d+)?$/.test(typed) ? Number(typed) : typed;
}
