// A text in the colours of its tokens' origins, into which one can look: a card
// beside the token under the pointer, or that the keyboard stands on, says what
// is known of it.

import { element } from "../dom.js";
import { originNames } from "../origins.js";
import { putBeside } from "../card.js";
import { probability, tokenLabel } from "../words.js";

// A line break is shown by the style, so that it is not in what one copies.
function textNodes(text) {
  return text.split("\n").flatMap((line, i) => (i === 0 ? [line]
    : [element("span", { class: "line-break", "aria-hidden": "true" }), "\n",
      line]));
}

const milliseconds = (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

function passFacts(pass, index) {
  const kept = pass.drafted === undefined ? `${pass.accepted} accepted`
    : pass.drafted === 0 ? "nothing drafted"
      : `${pass.accepted} of ${pass.drafted} drafted kept`;
  const times = [["draft", pass.draftMs], ["verify", pass.verifyMs]]
    .filter(([, time]) => time !== undefined)
    .map(([name, time]) => `${name} ${milliseconds(time)}`);
  return [[`Pass ${index + 1}`, [kept, ...times].join(", ")]];
}

function tokenFacts(token, pass) {
  return [
    ["Token", [element("code", {}, tokenLabel(token.text) || "no text"),
      Number.isInteger(token.id) ? ` ${token.id}` : ""]],
    ["Origin", originNames[token.origin] ?? "unknown"],
    ...token.p === undefined ? []
      : [["p, the target’s", probability(token.p)]],
    ...token.q === undefined ? [] : [["q, the draft’s", probability(token.q)]],
    ...passFacts(pass, token.pass),
  ];
}

// There is one card for all texts of the page.
class Card {
  #node = element("div",
    { class: "card token-card", id: "card", role: "tooltip", hidden: "" });
  #shown = null;

  constructor() {
    document.body.append(this.#node);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.hide();
    });
  }

  show(span, facts) {
    if (span === this.#shown) return;
    this.hide();
    this.#shown = span;
    this.#node.replaceChildren(element("dl", {}, facts.map(([name, value]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, value)))));
    span.classList.add("shown");
    span.setAttribute("aria-describedby", "card");
    this.#node.hidden = false;
    putBeside(this.#node, span);
  }

  hide() {
    this.#node.hidden = true;
    this.#shown?.classList.remove("shown");
    this.#shown?.removeAttribute("aria-describedby");
    this.#shown = null;
  }
}

let theCard = null;
const card = () => (theCard ??= new Card());

export class TokenView {
  node = element("div", { class: "text generated", dir: "auto" });
  #thoughts = element("div", { class: "text generated", dir: "auto" });
  #thinking = element("details", { class: "thinking", hidden: "" },
    element("summary", {}, "Thinking"), this.#thoughts);
  #generation = null;
  #spans = []; // of tokens, in their order
  #pending = []; // of text whose tokens may come yet
  #tokens = new WeakMap(); // of spans
  #current = null; // the one that Tab leads to

  // `label` says to a screen reader whose text it is.
  constructor(label) {
    this.root = element("div",
      { class: "token-view", role: "group", "aria-label": label,
        "aria-describedby": "look-help" },
      this.#thinking, this.node);
    this.root.addEventListener("mousemove", (event) => this.#show(event));
    this.root.addEventListener("mouseleave", () => card().hide());
    this.root.addEventListener("focusin", (event) => this.#show(event));
    this.root.addEventListener("focusout", () => card().hide());
    this.root.addEventListener("keydown", (event) => this.#move(event));
  }

  clear(generation) {
    card().hide();
    this.#generation = generation;
    this.#spans = [];
    this.#pending = [];
    this.#current = null;
    this.#thinking.hidden = true;
    this.#thoughts.replaceChildren();
    this.node.replaceChildren();
    this.root.classList.remove("ended");
  }

  append(pieces) {
    for (const span of this.#pending) span.remove();
    this.#pending = [];
    for (const { text, reasoning, token, pending } of pieces) {
      const span = element("span",
        token ? { class: token.origin, tabindex: "-1" } : {}, textNodes(text));
      if (token) {
        this.#tokens.set(span, token);
        this.#spans.push(span);
        if (!this.#current) this.#makeCurrent(span);
      }
      if (pending) this.#pending.push(span);
      if (reasoning) this.#think();
      else this.#speak();
      (reasoning ? this.#thoughts : this.node).append(span);
    }
  }

  // Thoughts are open while there is nothing else to read.
  #think() {
    if (!this.#thinking.hidden) return;
    this.#thinking.hidden = false;
    this.#thinking.open = true;
  }

  #speak() {
    if (this.node.childElementCount === 0) this.#thinking.open = false;
  }

  end() {
    this.root.classList.add("ended");
  }

  #makeCurrent(span) {
    this.#current?.setAttribute("tabindex", "-1");
    this.#current = span;
    span.setAttribute("tabindex", "0");
  }

  #show({ target, type }) {
    const span = target.closest("[tabindex]");
    const token = this.#tokens.get(span);
    if (!token) return;
    if (type === "focusin") this.#makeCurrent(span);
    card().show(span, tokenFacts(token, this.#generation.passes[token.pass]));
  }

  // Left and right by a token, up and down by a pass.
  #move(event) {
    const at = this.#spans.indexOf(event.target);
    if (at < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    const pass = this.#tokens.get(event.target).pass;
    const passAt = (i) => this.#tokens.get(this.#spans[i])?.pass;
    const firstOf = (wanted) =>
      this.#spans.findIndex((_, i) => passAt(i) === wanted);
    const before = this.#spans.findLastIndex((_, i) => passAt(i) < pass);
    const to = {
      ArrowRight: () => at + 1,
      ArrowLeft: () => at - 1,
      ArrowDown: () => this.#spans.findIndex((_, i) => passAt(i) > pass),
      ArrowUp: () => firstOf(passAt(before)),
      Home: () => 0,
      End: () => this.#spans.length - 1,
    }[event.key];
    if (!to) return;
    event.preventDefault();
    const span = this.#spans[to()];
    if (!span) return;
    const thoughts = span.closest("details");
    if (thoughts) thoughts.open = true;
    span.focus();
  }
}
