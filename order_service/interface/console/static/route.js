// The place in the page: "#/orders/<id>?status=COMPLETED" is the view "orders", the rest of the path
// and the query.

/** view, rest (texts) and query (URLSearchParams) of the address. */
export function current() {
  const [path, query = ""] = location.hash.replace(/^#\//, "").split("?", 2);
  const [view, ...rest] = path.split("/").map(decoded);
  return { view: view || "orders", rest: rest.filter((part) => part !== ""), query: new URLSearchParams(query) };
}

/** The address of a view; parts of the query that are null or "" are left out. */
export function address(view, rest = [], query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const path = [view, ...rest].map(encodeURIComponent).join("/");
  return `#/${path}${kept.length ? `?${new URLSearchParams(kept)}` : ""}`;
}

export function go(...to) {
  location.hash = address(...to);
}

/** Puts the place into the address, and leaves the view as it is. */
export function note(...to) {
  history.replaceState(null, "", address(...to));
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
