// A conversation: the user's messages and the model's answers, in turn.

import { element } from "../dom.js";
import { Answer } from "./answer.js";

function turn(role, name, content) {
  return element("li", { class: `turn ${role}` },
    element("h3", {}, name), content);
}

export class Chat {
  #turns = []; // {role, content, node}
  #list = element("ol", { class: "turns" });
  #empty = element("p", { class: "soft" },
    "The conversation is empty. It lives in this page alone.");

  constructor(node) {
    node.append(this.#empty, this.#list);
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
    added.node.scrollIntoView({ block: "nearest" });
    try {
      await answer.run({ ...options, settings: { ...settings, messages } });
    } finally {
      added.content = answer.generation.text;
    }
  }

  #add(role, content, node) {
    const added = { role, content, node };
    this.#turns.push(added);
    this.#list.append(node);
    this.#empty.hidden = true;
    return added;
  }
}
