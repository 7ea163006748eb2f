// What is read anew keeps the elements that it had: the keyboard's place in them, and what is
// selected, would be lost with them.

import { replace } from "./dom.js";

/** Makes the element's children like the given ones. A given child may be thrown away, and its
 * listeners with it: give none that listens. */
export function renew(element, ...children) {
  likewise(element, replace(element.cloneNode(false), ...children));
}

function likewise(shown, wanted) {
  const before = [...shown.childNodes];
  const after = [...wanted.childNodes];
  after.forEach((child, place) => {
    if (place < before.length) makeLike(before[place], child);
    else shown.append(child);
  });
  for (const left of before.slice(after.length)) left.remove();
}

function makeLike(shown, wanted) {
  if (shown.isEqualNode(wanted)) return;
  if (shown.nodeType !== Node.ELEMENT_NODE || shown.nodeName !== wanted.nodeName) shown.replaceWith(wanted);
  else {
    for (const name of shown.getAttributeNames()) if (!wanted.hasAttribute(name)) shown.removeAttribute(name);
    for (const { name, value } of wanted.attributes) shown.setAttribute(name, value);
    likewise(shown, wanted);
  }
}
