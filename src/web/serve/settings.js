// The form's settings: what they offer, and what they say.

import { element } from "../dom.js";

const at = (id) => document.getElementById(id);

// Where the server does not list its own.
const knownAcceptors = ["block", "rejection", "coupled", "typical"];
const knownDrafters = ["model", "ngram", "suffix", "skip"];
const mostWindow = 16;

// Of those that come with pilotfish; undefined: unknown.
const isLossless =
  { block: true, rejection: true, coupled: true, typical: false };

const acceptorHelp = {
  block: "Exact: the text has the target’s distribution. Decides about a " +
    "draft as a whole.",
  rejection: "Exact: the text has the target’s distribution. Decides token " +
    "by token.",
  coupled: "Exact and reproducible: a seed gives one text, with speculation " +
    "and without.",
  typical: "Lossy: keeps whatever the target finds likely enough.",
};

const drafterNames = {
  model: "model: a smaller one draws",
  ngram: "ngram: repeats of a few tokens",
  suffix: "suffix: the longest repeat",
  "suffix,model": "suffix, else model",
  prediction: "prediction: a text given",
  skip: "skip: the target’s first layers",
  none: "none: plain decoding",
};

// Keeps what is chosen, where it is offered still.
function fillSelect(select, options) {
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) =>
    element("option", { value }, text)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}

const numberOf = (id) => (at(id).value === "" ? null : Number(at(id).value));
const textOf = (id) => at(id).value || null;

export class Settings {
  #acceptor = null; // the server's own
  #isFirst = true;

  constructor() {
    this.offer({});
    at("settings").addEventListener("input", () => this.#describe());
  }

  // `props` is what GET /props says; any of it may be missing.
  offer({ acceptors = knownAcceptors, default_generation_settings: defaults }) {
    const own = defaults?.params ?? {};
    this.#acceptor = own.acceptor ?? null;
    this.#offerWindows(own);
    this.#offerDrafters(own.drafters ?? knownDrafters);
    fillSelect(at("acceptor"), [
      ["", this.#acceptor ? `default: ${this.#acceptor}` : "default"],
      ...acceptors.map((name) =>
        [name, isLossless[name] === false ? `${name} (lossy)` : name])]);
    if (defaults && this.#isFirst) {
      this.#isFirst = false;
      at("window").value = String(own.window ?? "auto");
      at("temperature").value = own.temperature ?? "";
    }
    this.#describe();
  }

  #offerWindows({ window }) {
    const most = Math.max(mostWindow, Number(window) || 0);
    fillSelect(at("window"), [["auto", "auto"], ["1", "1: plain decoding"],
      ...Array.from({ length: most - 1 },
        (_, i) => [String(i + 2), String(i + 2)])]);
  }

  // A prediction is nothing that the page sends.
  #offerDrafters(drafters) {
    const offered = drafters.filter((name) => name !== "prediction");
    const both = ["suffix", "model"].every((name) => offered.includes(name));
    fillSelect(at("drafter"), [["", "default"],
      ...[...offered, ...both ? ["suffix,model"] : [], "none"]
        .map((name) => [name, drafterNames[name] ?? name])]);
  }

  // The first field that has no valid value; null: all have.
  invalidField() {
    return [...at("settings").querySelectorAll("input")]
      .find((field) => !field.checkValidity()) ?? null;
  }

  read() {
    const window = at("window").value;
    return {
      window: window === "auto" ? window : Number(window),
      drafter: at("drafter").value,
      acceptor: textOf("acceptor"),
      temperature: numberOf("temperature"),
      seed: numberOf("seed"),
      maxTokens: numberOf("max-tokens"),
      topP: numberOf("top-p"),
      topK: numberOf("top-k"),
      minP: numberOf("min-p"),
      stop: textOf("stop"),
    };
  }

  get system() {
    return at("system").value;
  }

  // The one that is chosen, or the server's: {name, lossless}; null where
  // nothing is known of it.
  acceptor() {
    const name = at("acceptor").value || this.#acceptor;
    return name in isLossless ? { name, lossless: isLossless[name] } : null;
  }

  #describe() {
    at("acceptor-help").textContent =
      acceptorHelp[this.acceptor()?.name] ?? "";
    const { window, temperature, seed } = this.read();
    at("settings-summary").textContent = [`window ${window}`,
      ...temperature === null ? [] : [`temperature ${temperature}`],
      ...seed === null ? [] : [`seed ${seed}`]].join(", ");
  }
}
