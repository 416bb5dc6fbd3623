// What one text says about speculation, while it comes: figures, the strip of
// its passes, and how often drafted tokens are accepted at each place.

import { element } from "../dom.js";
import { percent } from "../words.js";
import { clockOf, statsOf } from "./generation.js";
import { PassStrip, stripKey } from "./pass_strip.js";

const none = "–";
// The machine that draws may be the one that generates.
const drawingPause = 100; // milliseconds
const fixed = (value, digits) =>
  (value === null ? none : value.toFixed(digits));
const duration = (value) => (value === null ? none
  : value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(2)} s`);

const figures = [
  ["tokens", ({ stats }) => stats.tokens],
  ["tokens a second", ({ clock }) => fixed(clock.speed, 1)],
  ["tokens a pass", ({ stats }) => fixed(stats.tokensPerPass, 2)],
  ["of the drafted accepted", ({ stats }) => (stats.acceptance === null
    ? none : percent(stats.acceptance))],
  ["to the first token", ({ clock }) => duration(clock.first)],
];

function placeRow({ offered, accepted }, i) {
  const bar = element("i", { class: "share" });
  bar.style.setProperty("--share", accepted / offered);
  return element("tr", {},
    element("th", { scope: "row" }, i + 1),
    element("td", { class: "bar-cell" }, bar),
    element("td", {}, `${Math.round((100 * accepted) / offered)} %`),
    element("td", { class: "soft" }, offered));
}

export class LivePanel {
  #values = figures.map(() => element("dd", {}, none));
  #strip = new PassStrip();
  #rows = element("tbody");
  #places = element("div", { class: "places" },
    element("table", {},
      element("caption", {}, "Acceptance by place"),
      element("thead", {}, element("tr", {},
        element("th", { scope: "col" }, "place"),
        element("td"),
        element("th", { scope: "col" }, "kept"),
        element("th", { scope: "col" }, "passes"))),
      this.#rows));
  #empty = element("p", { class: "soft" },
    "Nothing has been drafted yet.");
  #generation = null;
  #scheduled = false;

  constructor(node) {
    node.append(
      element("dl", { class: "headline" }, figures.map(([name], i) =>
        element("div", {}, element("dt", {}, name), this.#values[i]))),
      element("div", { class: "passes-and-places" },
        element("div", { class: "strip-box" },
          element("h3", {}, "The last passes"), this.#strip.node, stripKey()),
        element("div", {}, this.#empty, this.#places)));
    this.#draw();
  }

  show(generation) {
    this.#strip.clear();
    this.#generation = generation;
    this.changed();
  }

  // Draws soon, once for all that changes until then.
  changed() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => {
      this.#scheduled = false;
      this.#draw();
    }, drawingPause);
  }

  #draw() {
    const generation = this.#generation;
    const places = generation ? statsOf(generation).byPlace : [];
    this.#places.hidden = places.length === 0;
    this.#empty.hidden = places.length > 0;
    if (!generation) return this.#strip.clear();
    const facts = {
      stats: statsOf(generation),
      clock: clockOf(generation, performance.now()),
    };
    figures.forEach(([, text], i) => {
      this.#values[i].textContent = text(facts);
    });
    this.#strip.update(generation.passes);
    this.#rows.replaceChildren(...places.map(placeRow));
    return undefined;
  }
}
