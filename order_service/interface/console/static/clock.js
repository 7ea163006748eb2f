// Times: by the service's clock, in the reader's zone with UTC beside, in words and exactly.

import { h } from "./dom.js";

const LOCAL = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric",
  hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});
const SHORT = new Intl.DateTimeFormat(undefined, {
  month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

let skew = 0;

/** Notes the Date header of an answer; the header is cut to seconds. */
export function heard(date) {
  const at = Date.parse(date ?? "");
  if (Number.isNaN(at)) return;
  const off = at + 500 - Date.now();
  skew = Math.abs(off) < 2000 ? 0 : off;
}

/** Milliseconds, by the service's clock. */
export const now = () => Date.now() + skew;

/** "2 days 3 hours": the two largest units of so many seconds. */
export function span(seconds) {
  const parts = [];
  let left = Math.max(0, Math.floor(seconds));
  for (const [unit, size] of UNITS) {
    const number = Math.floor(left / size);
    left %= size;
    if (number) parts.push(`${number} ${unit}${number === 1 ? "" : "s"}`);
    if (parts.length === 2 || (parts.length === 1 && !number)) break;
  }
  return parts.join(" ") || "0 seconds";
}

/** "3 minutes ago", or "in 3 minutes". */
export function ago(text) {
  const seconds = (now() - Date.parse(text)) / 1000;
  if (Math.abs(seconds) < 2) return "just now";
  return seconds > 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
}

export const local = (text) => LOCAL.format(new Date(text));
export const utc = (text) => `${new Date(text).toISOString().replace("T", " ").replace("Z", "")} UTC`;

/** A time, short, with the exact one and UTC where the pointer rests. */
export function time(text) {
  return h("time", { datetime: text, title: `${local(text)}\n${utc(text)}` }, SHORT.format(new Date(text)));
}

/** A time in words, and exactly, in the reader's zone and in UTC. */
export function wholeTime(text) {
  return h("time", { datetime: text, class: "whole-time" },
    h("span", { class: "words", "data-ago": text }, ago(text)),
    h("span", {}, local(text)), h("span", { class: "quiet" }, utc(text)));
}

/** A time exactly, in the reader's zone and in UTC, where something else says it in words. */
export function exactTime(text) {
  return h("time", { datetime: text, class: "whole-time" },
    h("span", {}, local(text)), h("span", { class: "quiet" }, utc(text)));
}

/** A time in words alone, which go on being true. */
export const agoOf = (text) => h("span", { "data-ago": text }, ago(text));

// What is said in words goes on being true.
setInterval(() => {
  for (const element of document.querySelectorAll("[data-ago]")) {
    const words = ago(element.dataset.ago);
    if (element.textContent !== words) element.textContent = words;
  }
}, 1000);
