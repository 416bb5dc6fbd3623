// The plots of a sweep. A group has the settings that differ by their window
// alone: {drafters, acceptor, temperature, acceptance_per_token, plain,
// settings}, of which an automatic window comes first.

import { timeParts } from "./frame.js";
import { plots } from "./axes.js";
import { linePlot, plotStyles } from "./line_plot.js";
import { barPlot } from "./bar_plot.js";

const windowTitle = "window k (tokens)";
export const draftersText = (drafters) => drafters.join(", ");
const fixedWindows = (group) =>
  group.settings.filter((setting) => setting.window !== "auto");

// What settings may differ in, and how each is said.
const groupTraits = [
  (group) => draftersText(group.drafters),
  (group) => group.acceptor,
  (group) => `T = ${group.temperature}`,
];

const differIn = (groups, trait) =>
  groups.some((group) => trait(group) !== trait(groups[0]));

// A group in a few words: by the traits in which the groups of `among` differ.
function groupName(group, among) {
  return groupTraits.filter((trait) => differIn(among, trait))
    .map((trait) => trait(group)).join(", ");
}

function splitBy(groups, trait) {
  const panels = new Map();
  for (const group of groups) {
    panels.set(trait(group), [...(panels.get(trait(group)) ?? []), group]);
  }
  return [...panels.values()];
}

// More groups than lines can be told apart are drawn in a plot per temperature,
// and then per drafter too.
function panelsOf(groups) {
  const [drafters, , temperature] = groupTraits;
  const ways = [
    () => "", temperature, (group) => temperature(group) + drafters(group)];
  const splits = ways.map((way) => splitBy(groups, way));
  return splits.find((panels) =>
    panels.every((panel) => panel.length <= plotStyles)) ?? splits.at(-1);
}

// What a panel's groups share and those of others do not.
function panelName(panel, groups) {
  return groupTraits
    .filter((trait) => differIn(groups, trait) && !differIn(panel, trait))
    .map((trait) => trait(panel[0])).join(", ");
}

const unbroken = (formula) => formula.replaceAll(" ", "\u00a0");
const inBrackets = (name) => (name ? ` (${name})` : "");

// A line per group of a panel through what `point` says of each fixed window.
function windowLines(panel, point, computed = false) {
  return panel.map((group, style) => ({
    name: computed ? "" : groupName(group, panel),
    points: fixedWindows(group)
      .map((setting) => ({ x: setting.window, ...point(setting) }))
      .sort((a, b) => a.x - b.x),
    style,
    computed,
  }));
}

const measuredSpeedup = (setting) => ({ y: setting.speedup });
const plainDecoding = { y: 1, name: "plain decoding" };

function speedupPlot(panel) {
  return {
    title: "Speed-up",
    note: "Band: the middle half of the prompts.",
    xTitle: windowTitle,
    yTitle: "times plain decoding",
    reference: plainDecoding,
    lines: windowLines(panel, (setting) => {
      const [low, high] = setting.speedup_quartiles_of_prompts;
      return { y: setting.speedup, low, high };
    }),
  };
}

function formulaPlot(panel) {
  return {
    title: "Measured against the formula",
    note: `Dashed: ${unbroken("(1 − αᵏ) / (1 − α)")} tokens over ` +
      `${unbroken("v(k) + c (k − 1)")}, with one α per line.`,
    xTitle: windowTitle,
    yTitle: "times plain decoding",
    reference: plainDecoding,
    lines: [
      ...windowLines(panel, measuredSpeedup),
      ...windowLines(panel, (setting) => ({ y: setting.speedup_formula }),
        true),
    ],
  };
}

function tokensPlot(panel) {
  return {
    title: "Tokens per pass",
    note: `Dashed: ${unbroken("(1 − αᵏ) / (1 − α)")}.`,
    xTitle: windowTitle,
    yTitle: "tokens a target pass yields",
    lines: [
      ...windowLines(panel, (setting) => ({ y: setting.tokens_per_pass })),
      ...windowLines(panel,
        (setting) => ({ y: setting.tokens_per_pass_formula }), true),
    ],
  };
}

// The points of a plot of acceptance by place, of whatever has both lists.
export function acceptancePoints({ acceptance_per_position: rates,
  drafted_per_position: passes }) {
  return rates.map((rate, i) =>
    ({ x: i + 1, y: 100 * rate, passes: passes[i] }));
}

export function acceptanceByPlace(lines, note) {
  return {
    title: "Acceptance by place",
    note,
    xTitle: "place in the draft",
    yTitle: "% of those drafted there",
    yBound: 100,
    lines,
  };
}

// At the largest window, which has all places; at an automatic one where there
// is no other.
function acceptancePlot(panel) {
  const widest = panel.map((group) => group.settings.at(-1));
  const k = widest[0].window;
  return acceptanceByPlace(
    panel.map((group, style) => ({
      name: groupName(group, panel),
      points: acceptancePoints(widest[style]),
      style,
    })),
    k === "auto" ? "With automatic windows." : `In windows of ${k}.`);
}

function timeBar(name, { verify, draft, bookkeeping }) {
  return {
    name,
    parts: [verify, draft, Math.max(bookkeeping, 0)].map((part) => 1e3 * part),
  };
}

function timePlot(group) {
  return {
    title: "Where the time goes",
    note: "Means; the parts add up to TPOT.",
    xTitle: windowTitle,
    yTitle: "ms per token",
    partNames: timeParts,
    bars: [
      timeBar("plain", group.plain.seconds_per_token_split),
      ...group.settings.map((setting) =>
        timeBar(setting.window, setting.seconds_per_token_split)),
    ],
  };
}

export function sweepPlots(groups) {
  const panels = panelsOf(groups);
  const hasAxis = fixedWindows(groups[0]).length > 0;
  const makers = hasAxis
    ? [speedupPlot, formulaPlot, tokensPlot, acceptancePlot] : [acceptancePlot];
  const named = (plot, name) =>
    ({ ...plot, title: plot.title + inBrackets(name) });
  return plots([
    makers.map((make) => panels.map((panel) =>
      linePlot(named(make(panel), panelName(panel, groups))))),
    groups.map((group) =>
      barPlot(named(timePlot(group), groupName(group, groups)))),
  ]);
}
