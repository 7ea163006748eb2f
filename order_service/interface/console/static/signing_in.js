// Signing in, where the API asks for tokens, and who is signed in.

import { guarded, login } from "./config.js";
import { h, newId, replace } from "./dom.js";
import { leaveForLogin, signOut, subject, use } from "./session.js";

/** The page that asks for a token. trouble: why, if somebody was signed in or a login failed. */
export function form(trouble = null) {
  const field = newId("token");
  const said = h("div", { role: "alert" }, trouble && h("p", { class: "state bad" }, trouble));
  const text = h("textarea", { id: field, rows: 4, required: true, spellcheck: "false", autocomplete: "off" });

  const complain = (error) => replace(said, h("p", { class: "state bad" }, error.message));

  function submit(event) {
    event.preventDefault();
    try {
      use(text.value);
    } catch (error) {
      complain(error);
      text.focus();
    }
  }

  return h("section", { class: "narrow" },
    h("h1", {}, "Sign in"),
    said,
    h("p", {}, "The API asks for a token with the scope orders:admin; what you do here, and stock, ask for scopes of their own (orders:write, stock:read). The token stays in this page's memory: it is gone when you close or reload the page."),
    login && wayToLogin(complain),
    h("form", { onsubmit: submit, autocomplete: "off" },
      h("label", { for: field }, login ? "Or paste a token" : "Paste a token"), text,
      h("p", {}, h("button", { type: "submit", class: login ? null : "primary" }, "Sign in with this token"))));
}

// What proves to the login that it is the same browser that comes back, browsers make in no other page.
function wayToLogin(complain) {
  return isSecureContext
    ? h("p", {}, h("button", { type: "button", class: "primary", onclick: () => leaveForLogin().catch(complain) }, "Log in"))
    : h("p", { class: "state" }, "To log in, open this page by https:// (or on the machine that serves it, by http://localhost).");
}

/** Who is looking, and the way out. */
export function who() {
  if (!guarded || subject() === null) return [];
  return [h("span", { class: "quiet" }, subject()),
    h("button", { type: "button", onclick: signOut }, "Sign out")];
}
