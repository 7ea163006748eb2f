// What the service says of itself to its page.

const said = document.body.dataset;

/** The path that the API is under. */
export const root = said.root;
/** Whether the API asks for tokens. */
export const guarded = "guarded" in said;
export const currency = said.currency ?? null;
/** Where to log in; null where a token is pasted. */
export const login = said.loginUrl
  ? { page: said.loginUrl, token: said.tokenUrl, client: said.clientId }
  : null;
