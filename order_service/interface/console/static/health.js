// How it is: the verdict, the parts, what waits, the last hour, and what needs a person.

import { get } from "./api.js";
import { deadLettersPanel } from "./dead_letters.js";
import { h, newId, replace } from "./dom.js";
import { backlogOf, Parts } from "./health_parts.js";
import { lastHourPanel } from "./last_hour.js";
import { livePanel } from "./live_panel.js";
import { stuckPanel } from "./stuck.js";
import { Verdict } from "./verdict.js";

export const title = "How it is";

const EVERY = 5;

export function open(page, _, signal) {
  const verdict = new Verdict(["status", "waiting", "letters"]);
  const panel = livePanel("The parts");
  const waits = newId("waits");
  const backlog = h("div", {});
  const waiting = h("section", { class: "panel", "aria-labelledby": waits, hidden: true }, h("h2", { id: waits }, "What waits"), backlog);
  const parts = new Parts();

  async function read() {
    const status = await verdict.hears("status", get("/api/status", {}, signal));
    parts.show(status);
    if (!parts.element.isConnected) replace(panel.body, parts.element);
    replace(backlog, backlogOf(status));
    waiting.hidden = false;
  }

  replace(page, h("h1", {}, title), verdict.element, panel.element, waiting,
    stuckPanel(signal, verdict), lastHourPanel(signal), deadLettersPanel(signal, verdict));
  panel.look("the parts", read, EVERY, signal);
}
