// How it is: the parts, what waits, the last hour, and what needs a person.

import { get } from "./api.js";
import { h, replace } from "./dom.js";
import { deadLettersPanel } from "./dead_letters.js";
import { backlogOf, dependenciesOf, workersOf } from "./health_parts.js";
import { verdictOf } from "./health_words.js";
import { lastHourPanel } from "./last_hour.js";
import { livePanel } from "./live_panel.js";
import { stuckPanel } from "./stuck.js";

export const title = "How it is";

const EVERY = 5;

export function open(page, _, signal) {
  const verdict = h("div", { role: "status" });
  const parts = livePanel("The parts");
  const backlog = h("section", { class: "panel", "aria-label": "What waits" });
  let told = null;

  async function read() {
    const status = await get("/api/status", {}, signal);
    const sentences = verdictOf(status);
    // What stays the same is not said again.
    if (told !== sentences.join()) replace(verdict, verdictShown(sentences));
    told = sentences.join();
    replace(parts.body, dependenciesOf(status), workersOf(status));
    replace(backlog, h("h2", {}, "What waits"), backlogOf(status));
  }

  replace(page, h("h1", {}, title), verdict, parts.element, backlog,
    lastHourPanel(signal), stuckPanel(signal), deadLettersPanel(signal));
  parts.look("the parts", read, EVERY, signal);
}

function verdictShown(sentences) {
  if (!sentences.length) return h("div", { class: "state good" }, h("p", { class: "strong" }, "All is well."));
  const [worst, ...others] = sentences;
  return h("div", { class: "state bad" }, h("p", { class: "strong" }, worst), others.map((each) => h("p", {}, each)));
}
