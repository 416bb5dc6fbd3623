// Where tokens came from: a letter, a name, and what it means.

import { element } from "./dom.js";
import { key } from "./frame.js";

export const originNames = { a: "accepted", r: "recovered", b: "bonus" };

const originMeanings = {
  a: "drafted, and kept by the target",
  r: "the target’s correction of a rejection",
  b: "the target’s own, after all was kept",
};

export function originKey() {
  return key(Object.entries(originMeanings).map(([origin, meaning]) =>
    [element("span", { class: origin }, originNames[origin]), ` ${meaning}`]));
}
