// Work that is repeated while somebody looks.

import { onChange, signedIn } from "./session.js";

const LONGEST = 30;

/** Does the work now, and again so many seconds after it is done, until the signal. A page that
 * nobody sees rests, and so does work whose token was refused: it goes on as soon as there is another.
 * Work that fails is tried again after longer and longer pauses: failed is told, and work itself tells
 * that all is well. */
export async function poll(work, seconds, signal, failed) {
  let pause = seconds;
  while (!signal.aborted) {
    try {
      await work();
      pause = seconds;
    } catch (error) {
      if (signal.aborted) return;
      failed(error);
      pause = Math.max(error.retryAfter ?? 0, Math.min(LONGEST, pause * 2));
    }
    await elapsed(pause, signal);
    await seen(signal);
  }
}

function elapsed(seconds, signal) {
  return new Promise((resolve) => {
    const timer = signedIn() ? setTimeout(done, seconds * 1000) : null;
    const forget = onChange((what) => what === "in" && done());
    function done() {
      clearTimeout(timer);
      forget();
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}

function seen(signal) {
  if (!document.hidden || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    function look() {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", look);
      resolve();
    }
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
  });
}
