// The pieces that all pages share.

import { harmless } from "./words.js";
import { element } from "./dom.js";

// A section with a heading; `id` is unique in the page.
export function section(id, heading, ...content) {
  const headingId = `${id}-heading`;
  return element("section", { id, "aria-labelledby": headingId },
    element("h2", { id: headingId }, heading), content);
}

function definitions(className, pairs) {
  return element("dl", { class: className }, pairs.map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

// Pairs of a name and a value.
export function factList(pairs) {
  return definitions("facts", pairs);
}

// Few and large; of each pair the second is a number, the first says of what.
export function headlineFigures(pairs) {
  return definitions("headline", pairs);
}

// A key to colours: pairs of a sample and what it means.
export function key(entries) {
  return element("ul", { class: "key" },
    entries.map(([sample, meaning]) => element("li", {}, sample, meaning)));
}

// Where the time of a pass goes, in the order of the colours part0 to part2.
export const timeParts = ["verify", "draft", "sampling and bookkeeping"];

export function swatch(part) {
  return element("span", { class: `swatch part${part}` });
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy by hand";
  }
}

// A command, with a button to copy it where the browser can.
export function commandBlock(command) {
  const block = element("div", { class: "command" },
    element("pre", { tabindex: "0" }, element("code", {}, command)));
  if (navigator.clipboard) {
    const button = element("button", { type: "button" }, "Copy");
    button.addEventListener("click", () => copy(command, button));
    block.append(button);
  }
  return block;
}

// A table; a column is {name, short, cell, number, share}: `cell` makes the
// content for a row, `number` aligns it, `short` names it where the table has
// no room for a head, and `share` is a part of the room that columns share.
// `heading` (or none) says what rows that follow each other have in common.
export function table(className, columns, rows, rowAttributes = () => ({}),
  heading = () => "") {
  const attributes = (column) => ({
    "data-name": column.short ?? column.name,
    ...(column.number ? { class: "number" } : {}),
  });
  const head = columns.map((column) => element("th", {
    scope: "col", ...attributes(column),
    ...(column.share ? { style: `--share: ${column.share.toFixed(3)}` } : {}),
  }, column.name));
  const headingRow = (row, i) =>
    (heading(row) === (i === 0 ? "" : heading(rows[i - 1])) ? null
      : element("tr", { class: "heading" },
        element("th", { scope: "rowgroup", colspan: columns.length },
          element("span", {}, heading(row)))));
  const body = rows.map((row, i) => [
    headingRow(row, i),
    element("tr", rowAttributes(row, i), columns.map((column) =>
      element("td", attributes(column), column.cell(row, i)))),
  ]);
  return element("table", { class: className },
    element("thead", {}, element("tr", {}, head)),
    element("tbody", {}, body));
}

// Something wide, which scrolls by itself and not the page.
export function scrolling(label, content) {
  return element("div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": label },
    content);
}

// `report` is {title, summary, content}.
export function showReport(report, { version, made }) {
  document.title = harmless(report.title);
  document.body.append(
    element("header", {}, element("h1", {}, report.title), report.summary),
    element("main", {}, report.content),
    element("footer", {},
      element("p", {}, `Made by pilotfish ${version} on ${made}.`)));
}
