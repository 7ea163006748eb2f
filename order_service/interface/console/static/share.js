// A link to what is shown, to be given to somebody else.

import { h, newId, replace } from "./dom.js";

/** A button that copies the address; where the browser does not let it, a field to copy from. */
export function share(label, hash) {
  const link = location.origin + location.pathname + hash;
  const said = h("span", { role: "status" });
  const byHand = h("span", {});

  async function copy() {
    replace(said);
    try {
      // Browsers have a clipboard only in pages that came by TLS, or from this machine.
      await navigator.clipboard.writeText(link);
      replace(byHand);
      replace(said, "Copied.");
    } catch {
      const id = newId("link");
      const field = h("input", { id, type: "text", readonly: true, value: link });
      replace(byHand, h("label", { for: id }, "Copy it from here"), field);
      field.focus();
      field.select();
    }
  }

  return h("div", { class: "share" }, h("button", { type: "button", onclick: copy }, label), said, byHand);
}
