// Lists that are read anew, and keep the elements of what stays.

/** Fills the parent. entries: {key, make}; make answers the element. An element whose key was there
 * stays: one that is taken out and put in again loses the keyboard's place, even where it was. */
export function setKeyed(parent, entries) {
  const before = new Map([...parent.children].map((element) => [element.dataset.key, element]));
  const wanted = entries.map(({ key, make }) => before.get(key) ?? marked(make(), key));
  const kept = new Set(wanted);
  for (const element of before.values()) if (!kept.has(element)) element.remove();
  let place = parent.firstChild;
  for (const element of wanted) {
    if (element === place) place = place.nextSibling;
    else parent.insertBefore(element, place);
  }
  return parent;
}

function marked(element, key) {
  element.dataset.key = key;
  return element;
}
