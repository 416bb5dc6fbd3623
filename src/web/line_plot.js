// Lines through measured points.
//
// A plot is {title, note, xTitle, yTitle, lines, reference, yBound}:
// `reference` is {y, name}, a level to compare with, and the y axis reaches
// from 0 to `yBound` at least. A line is {name, points, style, computed}: its
// name stands at its end, lines that belong together share a style, a computed
// one is dashed and has no markers. A point is {x, y, low, high, passes}: `low`
// and `high` bound a band, and `passes` says how many measured it.

import { largest, significant } from "./words.js";
import { svg } from "./dom.js";
import {
  characterWidth, figure, gridLines, linearScale, niceBound, niceTicks,
  place, plotBottom, plotHeight, plotLeft, plotWidth, svgLine, svgText,
  xTitle, yAxis,
} from "./axes.js";

// How many styles can be told apart.
export const plotStyles = 6;
const fewPasses = 20;

// Outlines around a point: circle, square, diamond, triangle, and the last two
// upside down and thin.
const markerOutlines = [
  "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
  "m-3.6-3.6h7.2v7.2h-7.2z",
  "m0-5l5 5l-5 5l-5-5z",
  "m0-5l4.6 8h-9.2z",
  "m0 5l4.6-8h-9.2z",
  "m-2-5h4v10h-4z",
];

const allPoints = (plot) => plot.lines.flatMap((line) => line.points);
const saysPasses = (plot) =>
  allPoints(plot).some((point) => point.passes !== undefined);
// Below the axis, a row for each line.
const passesRow = 14;
const plotHeightOf = (plot) =>
  plotHeight + passesRow * Math.max(0, passesRows(plot) - 1);
const passesRows = (plot) => (saysPasses(plot) ? plot.lines.length : 0);

function nameWidth(plot) {
  const longest = largest(plot.lines.map((line) => line.name.length));
  if (longest === 0) return 10;
  const bold = 1.12 * characterWidth;
  return Math.min(bold * longest + 16, 0.4 * plotWidth);
}

function lineScales(plot) {
  const points = allPoints(plot);
  const xs = points.length > 0 ? points.map((point) => point.x) : [0];
  const room = Math.min(...xs) === Math.max(...xs) ? 1 : 0;
  const top = largest([plot.yBound ?? 0, plot.reference?.y ?? 0,
    ...points.map((point) => Math.max(point.y, point.high ?? 0))]);
  const right = plotWidth - nameWidth(plot);
  const bottom = plotBottom - (passesRows(plot) > 0 ? passesRow : 0);
  return {
    x: linearScale(Math.min(...xs) - room, Math.max(...xs) + room,
      plotLeft + 14, right - 6),
    y: linearScale(0, niceBound(top, gridLines), bottom, 32),
    right,
    bottom,
  };
}

// Where there are points, as long as the labels have room.
function xTicks(plot, x) {
  const values = [...new Set(allPoints(plot).map((point) => point.x))];
  return values.length <= 10 ? values : niceTicks(x.from, x.to, 8);
}

function xAxis(plot, { x, bottom }) {
  const ticks = xTicks(plot, x);
  const labels = ticks.map((tick) =>
    svgText(x(tick), bottom + 18, "tick mid", significant(tick, 6)));
  const title = xTitle(x, plot.xTitle, plotHeightOf(plot));
  if (passesRows(plot) === 0) return [labels, title];
  return [labels, plot.lines.map((line, row) =>
    passesOfLine(plot, line, row, ticks, { x, bottom })), title];
}

// Where there are several lines, a row begins with the marker of its own.
function passesOfLine(plot, line, row, ticks, { x, bottom }) {
  const y = bottom + 33 + row * passesRow;
  const several = plot.lines.length > 1;
  const outline = markerOutlines[line.style % plotStyles];
  const counts = line.points.filter((point) => ticks.includes(point.x))
    .map((point) => svgText(x(point.x), y, "count mid", point.passes));
  return svg("g", { class: `s${line.style % plotStyles}` },
    several ? svg("path",
      { class: "sample", d: `M30 ${place(y - 4)}${outline}` }) : null,
    several ? null : svgText(0, y, "count", "passes"),
    counts);
}

function trail(points, { x, y }) {
  return points.map(([across, up], i) =>
    `${i === 0 ? "M" : "L"}${place(x(across))} ${place(y(up))}`).join("");
}

function band(line, scales) {
  const upper = line.points.map((point) => [point.x, point.high]);
  const lower = line.points.map((point) => [point.x, point.low]);
  return svg("path", {
    class: "band", d: `${trail([...upper, ...lower.reverse()], scales)}z`,
  });
}

function pointText(plot, line, point) {
  const where = `${line.name}${line.name ? ", " : ""}at ${point.x}`;
  const spread = point.high > point.low
    ? ` (${point.low.toFixed(2)} to ${point.high.toFixed(2)})` : "";
  const behind = point.passes === undefined
    ? "" : `, in ${point.passes} ${point.passes === 1 ? "pass" : "passes"}`;
  return `${where}: ${point.y.toFixed(2)}${spread}, ${plot.yTitle}${behind}`;
}

function marker(plot, line, point, { x, y }) {
  const outline = markerOutlines[line.style % plotStyles];
  return svg("path", {
    class: point.passes < fewPasses ? "marker few" : "marker",
    d: `M${place(x(point.x))} ${place(y(point.y))}${outline}`,
  }, svg("title", {}, pointText(plot, line, point)));
}

function drawnLine(plot, line, scales) {
  const hasSpread = line.points.some((point) => point.high > point.low);
  const measured = line.points.map((point) => [point.x, point.y]);
  return svg("g", { class: `s${line.style % plotStyles}` },
    hasSpread ? band(line, scales) : null,
    svg("path", {
      class: line.computed ? "line computed" : "line",
      d: trail(measured, scales),
    }),
    line.computed
      ? null : line.points.map((point) => marker(plot, line, point, scales)));
}

// Names at the ends of their lines, moved apart where they would overlap.
function lineNames(plot, { x, y, bottom }) {
  const height = 16;
  const named = plot.lines.filter((line) => line.name && line.points.length > 0)
    .map((line) => ({ line, at: y(line.points.at(-1).y) }))
    .sort((a, b) => a.at - b.at);
  let free = 32;
  for (const name of named) {
    name.at = Math.max(free, name.at);
    free = name.at + height;
  }
  free = bottom;
  for (const name of named.reverse()) {
    name.at = Math.min(name.at, free);
    free = name.at - height;
  }
  return named.map(({ line, at }) => svgText(x.end + 12, at + 4,
    `name s${line.style % plotStyles}`, line.name));
}

function referenceLevel({ y: level, name }, { y, right }) {
  return [svgLine(plotLeft, y(level), right, y(level), "reference"),
    svgText(right, y(level) + 14, "tick end", name)];
}

function notes(plot) {
  const few = allPoints(plot).some((point) => point.passes < fewPasses);
  return [plot.note,
    passesRows(plot) > 1 ? "Below: the passes behind each point." : null,
    few ? `Hollow: fewer than ${fewPasses} passes.` : null]
    .filter(Boolean).join(" ");
}

export function linePlot(plot) {
  const scales = lineScales(plot);
  return figure(plot.title, notes(plot), [
    yAxis(scales.y, scales.right, plot.yTitle),
    xAxis(plot, scales),
    plot.reference ? referenceLevel(plot.reference, scales) : null,
    plot.lines.map((line) => drawnLine(plot, line, scales)),
    lineNames(plot, scales),
  ], plotHeightOf(plot));
}
