// How the server is doing: asked every two seconds while somebody looks.

import { element, svg } from "../dom.js";
import { ServerError, getJson, getText } from "./api.js";
import { figuresOf } from "./metrics.js";

const period = 2000; // milliseconds
const mostSamples = 60;
// A speed is a mean over so many periods: tokens come in passes, and some
// servers count them when a text is at its end.
const meanOver = 5;
const none = "–";

const share = (part, whole) => (whole > 0
  ? `${((100 * part) / whole).toFixed(1)} %` : none);

// A line through values, from 0 to the largest.
function sparkline(values) {
  const [width, height] = [120, 28];
  const most = Math.max(...values, 1e-9);
  const step = width / (mostSamples - 1);
  const points = values.map((value, i) =>
    [width - (values.length - 1 - i) * step,
      height - 2 - ((height - 4) * value) / most]);
  const trail = points.map(([x, y], i) =>
    `${i === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  return svg("svg", {
    viewBox: `0 0 ${width} ${height}`, class: "spark", "aria-hidden": "true",
    preserveAspectRatio: "none",
  }, svg("path", { d: trail }));
}

class Tile {
  #value = element("dd", {}, none);
  #more = element("dd", { class: "soft" });

  constructor(name) {
    this.root = element("div", { class: "tile" },
      element("dt", {}, name), this.#value, this.#more);
  }

  show(value, ...more) {
    this.#value.textContent = value;
    this.#more.replaceChildren(...more);
  }
}

export class Dashboard {
  #streams = new Tile("Streams");
  #speed = new Tile("Tokens a second");
  #kv = new Tile("KV memory in use");
  #meter = element("meter",
    { min: "0", max: "1", "aria-label": "KV memory in use" });
  #cache = new Tile("Of all prompt tokens, from the cache");
  #accepted = new Tile("Of all drafted tokens, accepted");
  #note = element("p", { class: "soft" });
  #slots = null; // how many texts the server decodes at once
  #speeds = [];
  #counts = []; // {generated, at}, the latest of them
  #timer = null;
  #onState;

  // `onState` gets "ready" or an error after each time that it asks.
  constructor(node, onState) {
    this.#onState = onState;
    node.append(element("dl", { class: "tiles" },
      [this.#streams, this.#speed, this.#kv, this.#accepted, this.#cache]
        .map((tile) => tile.root)), this.#note);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.#timer === null) this.#poll();
    });
  }

  async start(slots) {
    this.#slots = slots;
    clearTimeout(this.#timer);
    await this.#poll();
  }

  async #poll() {
    this.#timer = null;
    if (document.hidden) return;
    try {
      this.#show(figuresOf(await getText("metrics")), performance.now());
      this.#note.textContent = "";
      this.#onState("ready");
    } catch (error) {
      if (error instanceof ServerError && error.status === 404) {
        await this.#showSlots();
        return; // nothing more will come
      }
      this.#onState(error);
    }
    this.#timer = setTimeout(() => this.#poll(), period);
  }

  // Of a server that counts nothing.
  async #showSlots() {
    this.#note.textContent = "This server has no /metrics.";
    const slots = await getJson("slots").catch(() => []);
    const busy = slots.filter((slot) => slot.is_processing).length;
    this.#streams.show(busy, `of ${slots.length}`);
  }

  #show(figures, now) {
    const { running, waiting, kvUse, kvRunning, kvKept, cacheHits,
      cacheQueries, drafted, accepted } = figures;
    this.#streams.show(running ?? none, [
      ...this.#slots === null ? [] : [`of ${this.#slots}`],
      ...waiting === null ? [] : [`${waiting} waiting`]].join(", "));
    this.#showSpeed(figures, now);
    this.#meter.value = kvUse ?? 0;
    this.#kv.show(kvUse === null ? none : `${(100 * kvUse).toFixed(1)} %`,
      ...kvUse === null ? [] : [this.#meter],
      ...kvRunning === null || kvKept === null ? []
        : [`${kvRunning} tokens; ${kvKept} more kept for later prompts`]);
    this.#accepted.show(share(accepted ?? 0, drafted ?? 0));
    this.#cache.show(share(cacheHits ?? 0, cacheQueries ?? 0));
  }

  #showSpeed({ generated }, at) {
    if (generated === null) return;
    // A server that has started anew counts from 0.
    if (generated < (this.#counts.at(-1)?.generated ?? 0)) this.#counts = [];
    this.#counts = [...this.#counts, { generated, at }].slice(-meanOver - 1);
    const [first] = this.#counts;
    if (at <= first.at) return;
    this.#speeds.push((1000 * (generated - first.generated)) / (at - first.at));
    this.#speeds = this.#speeds.slice(-mostSamples);
    this.#speed.show(this.#speeds.at(-1).toFixed(1), sparkline(this.#speeds));
  }
}
