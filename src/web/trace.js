// The report of `pilotfish trace`: {models, facts, prompt, prompt_bytes_left,
// tokens, origins, passes, stats}. `tokens` has the text of each token, and
// `origins` a letter for each: a, r or b.

import { largest, percent, seconds } from "./words.js";
import { factList, headlineFigures, section } from "./frame.js";
import { plots } from "./axes.js";
import { linePlot } from "./line_plot.js";
import { barPlot } from "./bar_plot.js";
import { acceptanceByPlace, acceptancePoints } from "./sweep_plots.js";
import { passesOf, passTable } from "./trace_passes.js";
import { generatedText, promptText } from "./trace_text.js";

function yieldPlot(passes) {
  const most = largest(passes.map((pass) => pass.emitted));
  const yields = Array.from({ length: most }, (_, i) => i + 1);
  return {
    title: "What passes yielded",
    xTitle: "tokens a pass yielded",
    yTitle: "passes",
    partNames: [""],
    bars: yields.map((tokens) => ({
      name: tokens,
      parts: [passes.filter((pass) => pass.emitted === tokens).length],
    })),
  };
}

// Means over stretches of the text: where it was easy to guess.
function coursePlot(passes) {
  const mostStretches = 25;
  const stretch = Math.ceil(passes.length / mostStretches);
  const points = [];
  for (let i = 0; i < passes.length; i += stretch) {
    const some = passes.slice(i, i + stretch);
    const last = some.at(-1);
    const after = last.first + last.emitted;
    points.push({ x: after, y: (after - some[0].first) / some.length });
  }
  return {
    title: "Along the text",
    note: `Means over ${stretch} ${stretch === 1 ? "pass" : "passes"}.`,
    xTitle: "tokens generated",
    yTitle: "tokens per pass",
    lines: [{ name: "", points, style: 0 }],
  };
}

function tracePlots(stats, passes) {
  const points = acceptancePoints(stats);
  return plots([
    barPlot(yieldPlot(passes)),
    linePlot(coursePlot(passes)),
    points.length > 0
      ? linePlot(acceptanceByPlace([{ name: "", points, style: 0 }])) : null,
  ]);
}

// A text of one token has no speed.
function traceFigures(stats) {
  const decoded = stats.tokens_per_second > 0;
  return headlineFigures([
    ["tokens generated", stats.generated_tokens],
    ["tokens per pass", stats.tokens_per_pass.toFixed(2)],
    ["of the drafted accepted", percent(stats.acceptance_rate)],
    ...decoded ? [
      ["tokens per second", stats.tokens_per_second.toFixed(1)],
      ["per token (median)", seconds(stats.tpot_median_seconds)],
    ] : [],
    ["to the first token", seconds(stats.ttft_seconds)],
  ]);
}

export function traceReport(data) {
  const passes = passesOf(data);
  const details = passes.length === 0 ? [] : [
    section("plots", "In figures", tracePlots(data.stats, passes)),
    section("passes", "Passes", passTable(data, passes)),
  ];
  return {
    title: `One text, pass by pass: ${data.models}`,
    summary: traceFigures(data.stats),
    content: [
      section("prompt", "Prompt", promptText(data)),
      section("text", "Text", generatedText(data, passes)),
      details,
      section("setup", "How it was made", factList(data.facts)),
    ],
  };
}
