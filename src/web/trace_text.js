// The text of a trace: its tokens by origin, in links that lead each pass to
// its row, and a card that shows this row beside the pass.

import { element } from "./dom.js";
import { originKey } from "./origins.js";
import { putBeside } from "./card.js";
import { rowId } from "./trace_passes.js";

// A line break is shown, and breaks the line.
const withLineBreaks = (text) => text.replaceAll("\n", "↵\n");

function passText(data, pass) {
  const tokens = data.tokens.slice(pass.first, pass.first + pass.emitted)
    .map((text, i) => element("span",
      { class: data.origins[pass.first + i] }, withLineBreaks(text)));
  return pass.seconds
    ? element("a", { class: "pass", href: `#${rowId(pass)}` }, tokens) : tokens;
}

function cardContent(row) {
  const filled = [...row.cells].filter((cell) => cell.textContent);
  return element("dl", {}, filled.map((cell) => [
    element("dt", {}, cell.dataset.name),
    element("dd", {}, [...cell.childNodes].map((node) => node.cloneNode(true))),
  ]));
}

// A card for the pass under the pointer or in focus.
function cardOf(text) {
  const card = element("div",
    { class: "card", id: "card", role: "tooltip", hidden: "" });
  let shown = null;

  const hide = () => {
    card.hidden = true;
    shown?.classList.remove("shown");
    shown?.removeAttribute("aria-describedby");
    shown = null;
  };
  const show = (event) => {
    const pass = event.target.closest(".pass");
    if (!pass || pass === shown) return;
    hide();
    shown = pass;
    card.replaceChildren(
      cardContent(document.getElementById(pass.hash.slice(1))));
    pass.classList.add("shown");
    pass.setAttribute("aria-describedby", card.id);
    card.hidden = false;
    putBeside(card, pass);
  };
  text.addEventListener("mouseover", show);
  text.addEventListener("mouseleave", hide);
  text.addEventListener("focusin", show);
  text.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
  return card;
}

export function generatedText(data, passes) {
  const text = element("div", { class: "text generated", dir: "auto" },
    passes.map((pass) => passText(data, pass)));
  return [
    originKey(),
    element("p", { class: "soft" },
      "A pass shows what it drafted and rejected under the pointer or in " +
      "focus; its link leads to its line below."),
    passes.length > 0
      ? element("a", { class: "skip", href: "#passes" }, "Skip to the passes")
      : null,
    text,
    cardOf(text),
  ];
}

export function promptText({ prompt, prompt_bytes_left: left }) {
  return element("div", { class: "text prompt", dir: "auto" },
    left > 0 ? `${prompt}… (${left} more bytes)` : prompt);
}
