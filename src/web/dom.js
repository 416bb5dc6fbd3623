// Makes elements. Whatever comes from the data ends in text nodes and attribute
// values: this file is the only one that makes nodes, and it parses no markup.

import { harmless } from "./words.js";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    node.setAttribute(name, harmless(String(value)));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined) continue;
    node.append(child instanceof Node ? child : harmless(String(child)));
  }
  return node;
}

// Children are nodes, texts, lists of them, or null for nothing.
export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  return fill(node, attributes, children);
}
