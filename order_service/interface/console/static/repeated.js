// Groups of fields that can be added and removed.

import { announce, h, replace } from "./dom.js";
import { complaints } from "./fields.js";

/** name: what a group is, as in "line". make: called for a new group; answers its fields' elements
 * as fields, what else the caller wants to find again, and first: the input that comes first. To add
 * and to remove is input, as far as a form listens. Answers element, errors, groups() and reset(). */
export function repeated({ legend, name, least, most, make }) {
  let groups = [];
  const list = h("div", {});
  const errors = complaints();
  const adding = h("button", { type: "button", onclick: () => add().first.focus() }, `Add a ${name}`);
  const full = h("span", { class: "quiet" });

  function add() {
    const group = make();
    const title = h("legend", {});
    const removing = h("button", { type: "button", class: "quiet", onclick: () => remove(group) }, "Remove");
    groups.push({ ...group, title, removing, whole: h("fieldset", { class: `repeated ${name}` }, title, group.fields, removing) });
    list.append(groups.at(-1).whole);
    arrange();
    return group;
  }

  function remove(group) {
    const place = groups.findIndex(({ first }) => first === group.first);
    groups[place].whole.remove();
    groups.splice(place, 1);
    arrange();
    // To the group that took the place, so that the next one can be removed with the same key.
    const next = groups[Math.min(place, groups.length - 1)];
    if (!next) adding.focus();
    else (next.removing.hidden ? next.first : next.removing).focus();
    announce(`The ${name} was removed. ${groups.length} ${groups.length === 1 ? "is" : "are"} left.`);
  }

  function arrange() {
    groups.forEach(({ title, removing }, place) => {
      const named = `${capital(name)} ${place + 1}`;
      replace(title, named);
      removing.setAttribute("aria-label", `Remove ${name} ${place + 1}`);
      removing.hidden = groups.length <= least;
    });
    adding.disabled = groups.length >= most;
    replace(full, adding.disabled && `These are ${most}, and more can't be.`);
    errors.clear();
    list.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function reset() {
    groups = [];
    replace(list);
    for (let number = 0; number < least; number += 1) add();
    arrange();
  }

  const element = h("section", { "aria-describedby": errors.id }, h("h2", {}, legend), list, errors.element,
    h("p", { class: "buttons" }, adding, full));
  return { element, errors, reset, groups: () => groups };
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);
