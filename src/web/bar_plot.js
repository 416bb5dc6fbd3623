// Bars side by side, each a stack of parts from below.
//
// A plot is {title, note, xTitle, yTitle, partNames, bars}, a bar {name, parts}
// with as many parts as there are names; several names get a key.

import { largest, significant } from "./words.js";
import { svg } from "./dom.js";
import {
  characterWidth, figure, gridLines, linearScale, niceBound, place,
  plotBottom, plotLeft, plotWidth, svgText, xTitle, yAxis,
} from "./axes.js";

const mostTotals = 12; // above bars, before they touch
const mostBarNames = 17; // below them

const total = (bar) => bar.parts.reduce((sum, part) => sum + part, 0);

function partKey(plot) {
  let x = 0;
  return plot.partNames.map((name, i) => {
    const drawn = [
      svg("rect",
        { x: place(x), y: 24, width: 11, height: 11, class: `part${i}` }),
      svgText(x + 16, 34, "tick", name),
    ];
    x += 34 + characterWidth * name.length;
    return drawn;
  });
}

function partText(plot, bar, i) {
  const name = plot.partNames[i];
  return `${bar.name}${name ? `, ${name}` : ""}: ` +
    `${significant(bar.parts[i])}, ${plot.yTitle}`;
}

function stack(plot, bar, y, left, width) {
  let sum = 0;
  return bar.parts.map((part, i) => {
    const bottom = y(sum);
    sum += part;
    return svg("rect", {
      x: place(left), y: place(y(sum)), width: place(width),
      height: place(bottom - y(sum)), class: `bar part${i}`,
    }, svg("title", {}, partText(plot, bar, i)));
  });
}

function drawnBar(plot, i, x, y) {
  const bar = plot.bars[i];
  const width = Math.min(0.7 * (x(1) - x(0)), 40);
  const middle = x(i + 0.5);
  const every = 1 + Math.floor(plot.bars.length / mostBarNames);
  return [
    stack(plot, bar, y, middle - width / 2, width),
    i % every === 0
      ? svgText(middle, plotBottom + 18, "tick mid", bar.name) : null,
    plot.bars.length <= mostTotals
      ? svgText(middle, y(total(bar)) - 5, "tick mid", significant(total(bar)))
      : null,
  ];
}

export function barPlot(plot) {
  const right = plotWidth - 8;
  const hasKey = plot.partNames.length > 1;
  const x = linearScale(0, Math.max(plot.bars.length, 1), plotLeft, right);
  const top = niceBound(largest(plot.bars.map(total)), gridLines);
  const y = linearScale(0, top, plotBottom, hasKey ? 54 : 38);
  return figure(plot.title, plot.note, [
    yAxis(y, right, plot.yTitle),
    hasKey ? partKey(plot) : null,
    plot.bars.map((_, i) => drawnBar(plot, i, x, y)),
    xTitle(x, plot.xTitle),
  ]);
}
