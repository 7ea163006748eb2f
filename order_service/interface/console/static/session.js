// Who is looking: a token in this module's memory and nowhere else, pasted, or from a login
// elsewhere (OAuth 2.0, authorization code with PKCE: RFC 6749 and RFC 7636).

import { guarded, login } from "./config.js";

const SCOPES = "orders:admin orders:read orders:write stock:read";
// What a login has to remember while the browser is away; no token is among it.
const AWAY = "order-service-login";

let token = null;
let claims = {};
const listeners = new Set();

export const bearer = () => token;
export const subject = () => claims.sub ?? null;
export const signedIn = () => !guarded || token !== null;

/** Calls the listener after each change of who is looking, with "in", "out" or "refused", until what
 * it answers is called. */
export function onChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Whether the caller may try; the API decides. A token that can't be read is tried. */
export function may(scope) {
  if (!guarded || token === null) return true;
  const named = claims.scope ?? claims.scp;
  if (named === undefined) return true;
  const scopes = Array.isArray(named) ? named : String(named).split(" ");
  return scopes.includes(scope) || (scopes.includes("orders:admin") && scope.startsWith("orders:"));
}

/** Raises Error for a text that is no token. */
export function use(text) {
  const given = text.trim().replace(/^Bearer\s+/i, "");
  if (!/^[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+$/.test(given)) {
    throw new Error("This is no token: a token is three parts of letters and digits, with dots between.");
  }
  token = given;
  claims = read(given);
  tell("in");
}

export function signOut() {
  token = null;
  claims = {};
  tell("out");
}

/** The API did not accept this token. */
export function refused(given) {
  if (given === null || given !== token) return;
  token = null;
  tell("refused");
}

function tell(what) {
  for (const listener of listeners) listener(what);
}

function read(given) {
  try {
    const text = atob(given.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    const found = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0))));
    return found && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
}

/** Leaves the page for the login; it comes back to the view that is shown. Raises Error where the
 * browser keeps nothing meanwhile. */
export async function leaveForLogin() {
  const verifier = random();
  const away = { verifier, state: random(), view: location.hash };
  try {
    sessionStorage.setItem(AWAY, JSON.stringify(away));
  } catch {
    throw new Error("To log in, let this page keep data in this browser: it has to know its own login again.");
  }
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const page = new URL(login.page);
  const asked = {
    response_type: "code", response_mode: "fragment", client_id: login.client,
    redirect_uri: here(), scope: SCOPES, state: away.state,
    code_challenge: base64(new Uint8Array(digest)), code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(asked)) page.searchParams.set(name, value);
  location.assign(page.href);
}

/** Ends a login under way, if the browser comes back from one. Raises Error where the login failed.
 * The code leaves the address at once. */
export async function comeBack() {
  const given = answered();
  if (!given.has("state") || !(given.has("code") || given.has("error"))) return;
  const away = remembered();
  history.replaceState(null, "", here() + (away.view || "#/orders"));
  if (!login || !away.state || away.state !== given.get("state")) {
    throw new Error("This login was not begun here. Log in again.");
  }
  if (given.has("error")) {
    throw new Error(`The login was refused: ${given.get("error_description") ?? given.get("error")}`);
  }
  use(await exchanged(given.get("code"), away.verifier));
}

// A browser may keep nothing, and then no login was begun here.
function remembered() {
  try {
    const away = JSON.parse(sessionStorage.getItem(AWAY));
    sessionStorage.removeItem(AWAY);
    return away ?? {};
  } catch {
    return {};
  }
}

/** In the fragment, as was asked for; a login that knows no response_mode answers in the query. */
function answered() {
  const isView = location.hash.startsWith("#/") || location.hash === "";
  return new URLSearchParams(isView ? location.search : location.hash.slice(1));
}

async function exchanged(code, verifier) {
  let answer;
  try {
    const response = await fetch(login.token, {
      method: "POST", credentials: "omit", referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(15000),
      body: new URLSearchParams({
        grant_type: "authorization_code", code, code_verifier: verifier,
        client_id: login.client, redirect_uri: here(),
      }),
    });
    answer = await response.json();
  } catch {
    throw new Error("The login's server did not hand out the token. Log in again, or paste a token.");
  }
  if (typeof answer?.access_token !== "string") {
    throw new Error(`The login's server did not hand out a token: ${answer?.error_description ?? answer?.error ?? "it sent none"}`);
  }
  return answer.access_token;
}

const here = () => location.origin + location.pathname;
const random = () => base64(crypto.getRandomValues(new Uint8Array(32)));

function base64(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
