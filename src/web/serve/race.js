// A race: the same request plain and speculative, side by side, each with its
// clock. One after the other, unless asked, so that each has the machine to
// itself; then both can be seen again from a common start.

import { element } from "../dom.js";
import { Answer } from "./answer.js";
import { clockOf } from "./generation.js";
import { freshSeed } from "./request.js";
import { speedText, verdictOf } from "./verdict.js";

// Calls `draw` for each frame until the function that it returns is called.
function everyFrame(draw) {
  let frame = requestAnimationFrame(function next() {
    frame = requestAnimationFrame(next);
    draw();
  });
  return () => cancelAnimationFrame(frame);
}

class Lane {
  #clock = element("output", { class: "clock" }, "0.00 s");
  #speed = element("p", { class: "soft lane-speed" }, "waits");
  #history = []; // {at, pieces}: milliseconds after the start
  #progress = element("progress", { max: "1", value: "0" });
  #most = 1;

  constructor(name, look = "") {
    this.answer = new Answer(`The ${name} text`);
    this.window = element("span", { class: "soft" });
    this.#progress.setAttribute("aria-label", `${name}: part of the tokens`);
    this.answer.root.dataset.name = name;
    this.root = element("div", { class: `lane ${look}` },
      element("div", { class: "lane-board" },
        element("div", { class: "lane-head" },
          element("h3", {}, name, this.window), this.#clock),
        this.#progress, this.#speed),
      this.answer.root);
  }

  reset(most) {
    this.#most = most;
    this.#history = [];
    this.root.classList.remove("winner");
    this.#draw(0, 0, "waits");
  }

  async run(options) {
    let stopClock = () => {};
    try {
      await this.answer.run({
        ...options,
        onStart: (generation) => {
          stopClock = everyFrame(() => this.#show());
          options.onStart?.(generation);
        },
        onChange: (pieces) => {
          const { generation } = this.answer;
          const now = generation.endedAt ?? performance.now();
          this.#history.push({ at: now - generation.startedAt, pieces });
          options.onChange?.();
        },
      });
    } finally {
      stopClock();
      this.#show();
    }
  }

  get elapsed() {
    const { generation } = this.answer;
    return clockOf(generation, performance.now()).elapsed;
  }

  get hasRun() {
    return this.#history.length > 0;
  }

  // Shows what there was after so many milliseconds, from step `from` on.
  // Returns the next step.
  replay(from, elapsed) {
    if (from === 0) this.answer.clearView();
    let next = from;
    while (this.#history[next]?.at <= elapsed) {
      this.answer.appendToView(this.#history[next].pieces);
      ++next;
    }
    const ended = next === this.#history.length;
    const shown = this.#history.slice(0, next)
      .reduce((sum, { pieces }) => sum + pieces.length, 0);
    this.#draw(Math.min(elapsed, this.elapsed), shown,
      ended ? this.#speedText() : "once more");
    if (ended) this.#show();
    return next;
  }

  get steps() {
    return this.#history.length;
  }

  #speedText() {
    const { generation } = this.answer;
    const { speed } = clockOf(generation, performance.now());
    return `${generation.tokens.length} tokens` +
      (speed === null ? "" : `, ${speed.toFixed(1)} a second`);
  }

  #show() {
    const { generation } = this.answer;
    if (!generation) return;
    this.#draw(this.elapsed, generation.tokens.length, this.#speedText());
    if (generation.endedAt !== null) this.#progress.value = 1;
  }

  #draw(elapsed, tokens, text) {
    this.#clock.textContent = `${(elapsed / 1000).toFixed(2)} s`;
    this.#progress.value = Math.min(tokens / this.#most, 1);
    this.#speed.textContent = text;
  }
}

export class Race {
  #plain = new Lane("Plain", "plain-lane");
  #speculative = new Lane("Speculative");
  #verdict = element("p", { class: "verdict", role: "status", hidden: "" });
  #again = element("button", { type: "button", hidden: "" },
    "See both from a common start");
  #stopReplay = () => {};

  constructor(node) {
    this.#again.addEventListener("click", () => this.#replay());
    node.append(this.#verdict, this.#again,
      element("div", { class: "lanes" },
        this.#plain.root, this.#speculative.root));
  }

  // `acceptor` is {name, lossless} or null. onStart gets the generation of each
  // lane as it begins, and whether it is the speculative one.
  async run({ settings, acceptor, together, model, signal, onStart,
    onChange }) {
    this.#stopReplay();
    this.#verdict.hidden = true;
    this.#again.hidden = true;
    const same = { ...settings, seed: settings.seed ?? freshSeed() };
    this.#speculative.window.textContent = `, window ${same.window}`;
    const lanes = [
      [this.#plain, { ...same, window: 1 }], [this.#speculative, same]];
    for (const [lane] of lanes) lane.reset(same.maxTokens ?? 1);
    const start = ([lane, laneSettings]) => lane.run({
      settings: laneSettings, model, signal,
      // Neither lane finds in the cache what the other one has encoded.
      more: { cache_salt: crypto.randomUUID?.() ?? String(freshSeed()) },
      onStart: (generation) =>
        onStart(generation, lane === this.#speculative),
      onChange,
    });
    if (together) {
      await Promise.all(lanes.map(start));
    } else {
      for (const lane of lanes) {
        if (!signal.aborted) await start(lane);
      }
    }
    this.#judge(same, acceptor, signal);
  }

  #judge(settings, acceptor, { aborted }) {
    this.#verdict.hidden = false;
    if (aborted) {
      this.#verdict.className = "verdict";
      this.#verdict.textContent = "Stopped: there is nothing to compare.";
      return;
    }
    const [plain, speculative] = [this.#plain, this.#speculative];
    const { kind, text } = verdictOf(plain.answer.generation,
      speculative.answer.generation, settings, acceptor);
    this.#verdict.className = `verdict ${kind}`;
    this.#verdict.textContent =
      `${text} ${speedText(plain.elapsed, speculative.elapsed)}`;
    (speculative.elapsed <= plain.elapsed ? speculative : plain)
      .root.classList.add("winner");
    this.#again.hidden = false;
  }

  #replay() {
    this.#stopReplay();
    const start = performance.now();
    const lanes = [this.#plain, this.#speculative]
      .map((lane) => ({ lane, next: 0 }));
    this.#stopReplay = everyFrame(() => {
      for (const state of lanes) {
        if (state.next >= state.lane.steps) continue;
        state.next =
          state.lane.replay(state.next, performance.now() - start);
      }
      if (lanes.every(({ lane, next }) => next >= lane.steps)) {
        this.#stopReplay();
      }
    });
  }
}
