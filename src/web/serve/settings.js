// The form's settings: what they offer, and what they say.

import { element } from "../dom.js";

const at = (id) => document.getElementById(id);

// What is known of acceptors and drafters where the server does not list its
// own, and the words for them.
const knownAcceptors = ["block", "rejection", "coupled", "typical"];
const knownDrafters = ["model", "ngram", "suffix", "skip"];
const mostWindow = 16;

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
  #acceptors = knownAcceptors.map((name) =>
    ({ name, lossless: name !== "typical" }));
  #acceptor = null; // the server's

  constructor() {
    this.offer({});
    at("settings").addEventListener("input", () => this.#describe());
  }

  // `props` is what GET /props says; all of it may be missing.
  offer({ pilotfish: own = {}, default_generation_settings: defaults = {} }) {
    this.#acceptors = own.acceptors ?? this.#acceptors;
    this.#acceptor = own.acceptor ?? null;
    const drafters = (own.drafters ?? knownDrafters)
      .filter((name) => name !== "prediction");
    const both = ["suffix", "model"].every((name) => drafters.includes(name));
    const windows = Array.from({ length: (own.max_window ?? mostWindow) - 1 },
      (_, i) => [String(i + 2), String(i + 2)]);
    fillSelect(at("window"),
      [["auto", "auto"], ["1", "1: plain decoding"], ...windows]);
    fillSelect(at("drafter"), [["", "default"],
      ...[...drafters, ...both ? ["suffix,model"] : [], "none"]
        .map((name) => [name, drafterNames[name] ?? name])]);
    fillSelect(at("acceptor"), [
      ["", this.#acceptor ? `default: ${this.#acceptor}` : "default"],
      ...this.#acceptors.map(({ name, lossless }) =>
        [name, lossless ? name : `${name} (lossy)`])]);
    const { temperature } = defaults.params ?? defaults;
    if (at("temperature").value === "" && typeof temperature === "number") {
      at("temperature").value = temperature;
    }
    this.#describe();
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

  // Of the acceptor that is chosen, or the server's: {name, lossless}; null
  // where nothing is known of it.
  acceptor() {
    const name = at("acceptor").value || this.#acceptor;
    return this.#acceptors.find((one) => one.name === name) ?? null;
  }

  #describe() {
    const acceptor = this.acceptor();
    at("acceptor-help").textContent = acceptorHelp[acceptor?.name] ??
      (acceptor && !acceptor.lossless ? "Lossy." : "");
    const { window, temperature, seed } = this.read();
    at("settings-summary").textContent = [`window ${window}`,
      ...temperature === null ? [] : [`temperature ${temperature}`],
      ...seed === null ? [] : [`seed ${seed}`]].join(", ");
  }
}
