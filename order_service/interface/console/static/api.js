// The API, and what its answers say in words.

import { heard } from "./clock.js";
import { root } from "./config.js";
import { bearer, refused } from "./session.js";

const LONGEST = 20000;

/** What went wrong. status: of HTTP, 0 where no answer came. problem: the API's own words. */
export class ApiError extends Error {
  constructor(status, problem, retryAfter = null) {
    super(problem.detail ?? problem.title ?? `The API answered ${status}.`);
    this.status = status;
    this.problem = problem;
    this.code = problem.code ?? null;
    /** Seconds. */
    this.retryAfter = retryAfter;
  }
}

/** The answer's body. query: null and "" are left out. Raises ApiError, and AbortError of signal. */
export async function get(path, query = {}, signal = null) {
  return (await send("GET", path, { query, signal })).body;
}

/** The answer's body and its ETag; null while the answer is still the one that has this ETag. */
export async function getIfChanged(path, etag, signal = null) {
  const headers = etag === null ? {} : { "If-None-Match": etag };
  const answer = await send("GET", path, { headers, signal });
  return answer.status === 304 ? null : { body: answer.body, etag: answer.headers.get("ETag") };
}

/** Status, headers and body of the answer. */
export async function post(path, body = null, headers = {}) {
  return send("POST", path, { body, headers });
}

async function send(method, path, { query = {}, body = null, headers = {}, signal = null }) {
  const token = bearer();
  const { response, content } = await exchanged(root + path + written(query), {
    method, credentials: "omit", headers: { ...ours(token, body), ...headers },
    body: body === null ? undefined : JSON.stringify(body),
  }, signal);
  heard(response.headers.get("Date"));
  const parsed = parse(content);
  if (response.ok || response.status === 304) return { status: response.status, headers: response.headers, body: parsed };
  if (response.status === 401) refused(token);
  const wait = Number(response.headers.get("Retry-After"));
  throw new ApiError(response.status, parsed ?? {}, wait > 0 ? wait : null);
}

function ours(token, body) {
  const headers = { Accept: "application/json" };
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  if (body !== null) headers["Content-Type"] = "application/json";
  return headers;
}

async function exchanged(url, options, signal) {
  const limit = AbortSignal.timeout(LONGEST);
  try {
    const response = await fetch(url, { ...options, signal: signal ? AbortSignal.any([signal, limit]) : limit });
    return { response, content: await response.text() };
  } catch (error) {
    if (signal?.aborted) throw error;
    const detail = error.name === "TimeoutError"
      ? `The API has not answered for ${LONGEST / 1000} seconds.`
      : "The API can't be reached. It may be starting again, or the network may be away.";
    throw new ApiError(0, { detail, code: "unreachable" });
  }
}

function written(query) {
  const kept = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return kept.length ? `?${new URLSearchParams(kept)}` : "";
}

function parse(content) {
  try {
    const found = JSON.parse(content);
    return found && typeof found === "object" ? found : null;
  } catch {
    return null;
  }
}

/** What the API said, with every bad field and every short item, as lines of text. */
export function inWords(error) {
  if (!(error instanceof ApiError)) return [String(error?.message ?? error)];
  const { errors = [], items = [] } = error.problem;
  return [
    // The message of several errors is the errors, one behind the other.
    ...(errors.length ? errors.map(({ field, reason }) => `${field}: ${reason}`) : [error.message]),
    ...items.map(({ itemId, requested, available }) =>
      available === null
        ? `There is no item ${itemId}.`
        : `Of item ${itemId} there are ${available}, and ${requested} were asked for.`),
    ...(error.retryAfter ? [`Try again in ${error.retryAfter} s.`] : []),
  ];
}
