// One request and the text that comes back: seen as it comes, and what there is
// to say of it at its end.

import { element } from "../dom.js";
import { Generation, clockOf } from "./generation.js";
import { bodyOf, freshSeed, pathOf } from "./request.js";
import { runRequest } from "./run.js";
import { TokenView } from "./token_view.js";

const endings = {
  stop: "came to its end",
  length: "reached the most tokens",
  stopped: "stopped",
};

const duration = (milliseconds) => `${(milliseconds / 1000).toFixed(2)} s`;
export const countOf = (count, name) =>
  `${count} ${name}${count === 1 ? "" : "s"}`;

function cachedText(usage) {
  const cached = usage?.prompt_tokens_details?.cached_tokens ?? 0;
  return cached > 0
    ? [`${cached} of ${usage.prompt_tokens} prompt tokens from the cache`] : [];
}

// `seed` is null where the request had none.
function factsOf(generation, seed) {
  const { tokens, finishReason, usage } = generation;
  const count = usage?.completion_tokens ?? tokens.length;
  return [
    countOf(count, "token"),
    endings[finishReason] ?? finishReason ?? "broke off",
    duration(clockOf(generation, generation.endedAt).elapsed),
    ...seed === null ? [] : [`seed ${seed}`],
    ...cachedText(usage),
  ].join(" · ");
}

export class Answer {
  generation = null;
  #view;
  #facts = element("p", { class: "facts-line soft" });
  #copy = element("button", { type: "button", hidden: "" }, "Copy");

  constructor(label) {
    this.#view = new TokenView(label);
    this.#copy.addEventListener("click", () => this.#copyText());
    if (!navigator.clipboard) this.#copy.remove();
    this.root = element("div", { class: "answer" }, this.#view.root,
      element("div", { class: "answer-end" }, this.#facts,
        navigator.clipboard ? this.#copy : null));
  }

  // Settles when the text is at its end, also where it was stopped; throws what
  // it failed with. `onStart` gets the generation and `onChange` is called when
  // it has changed; `more` are fields of the request beside the settings.
  async run({ settings, model, signal, more = {}, onStart = () => {},
    onChange = () => {} }) {
    const seed = settings.seed ?? freshSeed();
    const body = { ...bodyOf({ ...settings, seed }, model), ...more };
    const generation = new Generation(performance.now());
    this.generation = generation;
    this.#view.clear(generation);
    this.#facts.textContent = "Waits for the first token.";
    this.#copy.hidden = true;
    onStart(generation);
    try {
      await runRequest({
        path: pathOf(settings), body, generation, signal,
        onChunk: (pieces) => {
          if (generation.firstAt !== null) this.#facts.textContent = "";
          this.#view.append(pieces);
          onChange(pieces);
        },
        onResume: (count) => {
          this.#facts.textContent = "The connection broke off; the text goes " +
            `on after ${countOf(count, "token")}.`;
        },
      });
    } catch (error) {
      if (!signal.aborted) throw error;
      generation.finishReason = "stopped";
    } finally {
      generation.end(performance.now());
      this.#view.end();
      this.#facts.textContent = factsOf(generation, seed);
      this.#copy.hidden = generation.text === "";
      onChange([]);
    }
    return generation;
  }

  // Draws pieces that came before once more.
  clearView() {
    this.#view.clear(this.generation);
  }

  appendToView(pieces) {
    this.#view.append(pieces);
  }

  async #copyText() {
    try {
      await navigator.clipboard.writeText(this.generation.text);
      this.#copy.textContent = "Copied";
    } catch {
      this.#copy.textContent = "Select and copy by hand";
    }
  }
}
