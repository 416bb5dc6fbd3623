// The last passes of a text, a column each. Squares are drafted tokens, filled
// where they were kept; a circle is the target's own token. Below the line
// stands the time that the pass took.

import { element } from "../dom.js";
import { key } from "../frame.js";
import { largest, median } from "../words.js";

const firstShown = 1; // the pass before reads the prompt
const mostColumns = 160; // more than fit into a window
const timeHeight = 30; // in pixels

const cell = (kind) => element("i", { class: `cell ${kind}` });

function passText(pass, index) {
  const drafted = pass.drafted === undefined ? ""
    : `, ${pass.accepted} of ${pass.drafted} drafted kept`;
  return `Pass ${index + 1}: ${pass.emitted} ` +
    `${pass.emitted === 1 ? "token" : "tokens"}${drafted}`;
}

function column(pass, index) {
  const rejected = Math.max((pass.places ?? 0) - pass.accepted, 0);
  const time = element("div", { class: "time" });
  time.style.setProperty("--draft-ms", pass.draftMs ?? 0);
  time.style.setProperty("--verify-ms", pass.verifyMs ?? 0);
  return element("div", { class: "column", title: passText(pass, index) },
    element("div", { class: "cells" },
      Array.from({ length: rejected }, () => cell("rejected")),
      pass.own ? cell(pass.own === "r" ? "recovered" : "bonus") : null,
      Array.from({ length: pass.accepted }, () => cell("kept"))),
    time);
}

export function stripKey() {
  return key([
    [cell("kept"), "accepted"], [cell("rejected"), "rejected"],
    [cell("recovered"), "recovered"], [cell("bonus"), "bonus"],
    [cell("verify-time"), "time to verify"], [cell("draft-time"), "to draft"],
  ]);
}

export class PassStrip {
  node = element("div", { class: "strip", role: "img" });
  #shown = firstShown; // index of the next pass

  clear() {
    this.node.replaceChildren();
    this.#shown = firstShown;
    this.#describe([]);
  }

  // Draws the passes that are new.
  update(passes) {
    if (passes.length <= this.#shown) return;
    const from = Math.max(this.#shown, passes.length - mostColumns);
    this.node.append(...passes.slice(from)
      .map((pass, i) => column(pass, from + i)));
    this.#shown = passes.length;
    while (this.node.childElementCount > mostColumns) {
      this.node.firstChild.remove();
    }
    this.#describe(passes.slice(firstShown).slice(-mostColumns));
  }

  #describe(last) {
    const times = last.map((pass) =>
      (pass.draftMs ?? 0) + (pass.verifyMs ?? 0));
    // Rare hiccups of the machine would shrink all others.
    const full = Math.min(largest(times), 3 * median(times)) || 1;
    this.node.style.setProperty("--pixels-per-ms", timeHeight / full);
    const yields = last.map((pass) => pass.emitted);
    const mean = yields.reduce((sum, value) => sum + value, 0) /
      Math.max(yields.length, 1);
    this.node.setAttribute("aria-label", yields.length === 0
      ? "No passes yet"
      : `The last ${yields.length} passes, ${mean.toFixed(2)} tokens each on ` +
        `average; the latest yielded ${yields.slice(-8).join(", ")}`);
  }
}
