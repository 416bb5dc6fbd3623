// What line and bar plots share. Lengths are in units of a drawing of plotWidth
// by plotHeight, which the page scales.

import { largest } from "./words.js";
import { element, svg } from "./dom.js";

export const plotWidth = 400;
export const plotHeight = 264;
export const plotLeft = 40;
export const plotBottom = plotHeight - 46;
export const gridLines = 5;
export const characterWidth = 6.8; // of a label, more or less

// Maps [from, to] to [start, end].
export function linearScale(from, to, start, end) {
  const scale = (value) =>
    start + ((value - from) / (to - from)) * (end - start);
  return Object.assign(scale, { from, to, start, end });
}

// 1, 2 or 5 times a power of ten.
function niceStep(range, count) {
  const rough = range / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power)
    .find((step) => step >= rough);
}

// Multiples of a nice step, about `count` of them, that lie in [from, to].
export function niceTicks(from, to, count) {
  const step = niceStep(to - from, count);
  const ticks = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to + 1e-9 * step;
    ++i) {
    ticks.push(i * step + 0); // not "-0"
  }
  return ticks;
}

// The smallest multiple of a nice step that is not below `largest`; 1 for 0.
export function niceBound(largest, count) {
  if (!(largest > 0)) return 1;
  const step = niceStep(largest, count);
  return step * Math.ceil(largest / step - 1e-9);
}

// With as many decimals as it takes to tell ticks `step` apart.
export function tickLabel(value, step) {
  return value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

// A length or a place, as short as it may be in the source.
export function place(value) {
  return value.toFixed(1);
}

export function svgText(x, y, className, text) {
  return svg("text", { x: place(x), y: place(y), class: className }, text);
}

export function svgLine(x1, y1, x2, y2, className) {
  return svg("line", {
    x1: place(x1), y1: place(y1), x2: place(x2), y2: place(y2),
    class: className,
  });
}

// The y axis of a plot that begins at 0: the grid, its labels, and the title
// above it.
export function yAxis(y, right, title) {
  const ticks = niceTicks(y.from, y.to, gridLines);
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 1;
  return [
    svgText(0, 16, "axis", title),
    ticks.map((tick) => [
      svgLine(plotLeft, y(tick), right, y(tick), tick === 0 ? "zero" : "grid"),
      svgText(plotLeft - 6, y(tick) + 4, "tick end", tickLabel(tick, step)),
    ]),
  ];
}

// The title of the x axis, below its middle.
export function xTitle(x, title, height = plotHeight) {
  return svgText((x.start + x.end) / 2, height - 6, "axis mid", title);
}

// A caption over a drawing; `note` says in a line how to read it.
export function figure(title, note, drawing, height = plotHeight) {
  return element("figure", {},
    element("figcaption", {},
      element("strong", {}, title), " ", element("span", {}, note ?? "")),
    svg("svg", {
      viewBox: `0 0 ${plotWidth} ${height}`,
      role: "img",
      "aria-label": `${title}; the figures are in the table of this page`,
    }, drawing));
}

export function plots(figures) {
  return element("div", { class: "plots" }, figures);
}
