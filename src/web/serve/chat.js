// A conversation: the user's messages and the model's answers, in turn.

import { element } from "../dom.js";
import { Answer } from "./answer.js";

// The window follows an answer as it grows, unless one has scrolled away from
// its end by more than this.
const nearEnd = 120; // pixels

function turn(role, name, content) {
  return element("li", { class: `turn ${role}` },
    element("h3", {}, name), content);
}

export class Chat {
  #turns = []; // {role, content, node}
  #follows = true; // the window follows the end of the list
  #scrolledTo = 0;
  #frame = null;
  #list = element("ol", { class: "turns" });
  #empty = element("p", { class: "soft" },
    "The conversation is empty. It lives in this page alone.");

  constructor(node) {
    node.append(this.#empty, this.#list);
    document.addEventListener("scroll", () => this.#noteScroll(),
      { passive: true });
  }

  get isEmpty() {
    return this.#turns.length === 0;
  }

  clear() {
    this.#turns = [];
    this.#list.replaceChildren();
    this.#empty.hidden = false;
  }

  // Adds the user's message and answers it.
  async say(text, options) {
    this.#add("user", text, turn("user", "You",
      element("div", { class: "text said", dir: "auto" }, text)));
    await this.answer(options);
  }

  // Answers the last message, anew where it has an answer.
  async answer({ settings, system, ...options }) {
    while (this.#turns.at(-1)?.role === "assistant") {
      this.#turns.pop().node.remove();
    }
    const messages = [
      ...system ? [{ role: "system", content: system }] : [],
      ...this.#turns.map(({ role, content }) => ({ role, content })),
    ];
    const answer = new Answer("The model’s answer");
    const added = this.#add("assistant", "",
      turn("assistant", "Model", answer.root));
    try {
      await answer.run({
        ...options, settings: { ...settings, messages },
        onChange: () => {
          this.#follow();
          options.onChange();
        },
      });
    } finally {
      added.content = answer.generation.text;
    }
  }

  // Only who scrolls up leaves the end: it can itself move down meanwhile.
  #noteScroll() {
    const wentUp = window.scrollY < this.#scrolledTo;
    this.#scrolledTo = window.scrollY;
    if (this.#below() < nearEnd) this.#follows = true;
    else if (wentUp) this.#follows = false;
  }

  // Looks once a frame, however many tokens come in it.
  #follow() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      const below = this.#below();
      if (this.#follows && below > 0) window.scrollBy(0, Math.ceil(below));
    });
  }

  // How far below the window the list ends.
  #below() {
    return this.#list.getBoundingClientRect().bottom - window.innerHeight;
  }

  #add(role, content, node) {
    const added = { role, content, node };
    this.#turns.push(added);
    this.#list.append(node);
    this.#empty.hidden = true;
    this.#follow();
    return added;
  }
}
