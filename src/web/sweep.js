// The report of `pilotfish sweep`. Its data are what --json prints, and beside
// that {models, facts} as people read them.

import { percent, seconds } from "./words.js";
import { element } from "./dom.js";
import {
  commandBlock, factList, headlineFigures, scrolling, section, table,
} from "./frame.js";
import { draftersText, sweepPlots } from "./sweep_plots.js";

const fixed = (digits, of) => (setting) => of(setting).toFixed(digits);

// What is measured, the result first.
const sweepResults = [
  ["window", (setting) => setting.window],
  ["speed-up", fixed(2, (setting) => setting.speedup)],
  ["middle half", (setting) => setting.speedup_quartiles_of_prompts
    .map((bound) => bound.toFixed(2)).join(" to ")],
  ["tokens per pass", fixed(2, (setting) => setting.tokens_per_pass)],
  ["accepted", (setting) => percent(setting.acceptance_rate)],
  ["TPOT", (setting) => seconds(setting.seconds_per_token)],
  ["plain TPOT", (setting) => seconds(setting.plain_seconds_per_token)],
  ["verify", fixed(2, (setting) => setting.verify_cost)],
  ["draft", fixed(2, (setting) => setting.draft_cost)],
  ["predicted", fixed(2, (setting) => setting.speedup_predicted)],
  ["α", fixed(2, (setting) => setting.acceptance_per_token)],
  ["formula", (setting) => setting.speedup_formula?.toFixed(2) ?? "–"],
].map(([name, cell]) => ({ name, cell, number: true }));

// What a setting is, its window apart.
const sweepTraits = [
  { name: "drafter", cell: (setting) => draftersText(setting.drafters) },
  { name: "acceptor", cell: (setting) => setting.acceptor },
  { name: "temperature", cell: (setting) => setting.temperature, number: true },
];

// The results come first: traits in which settings differ head their rows, and
// those that all share are said once, below.
function sweepTable({ settings, best_setting: best, interrupted }) {
  const varies = (trait) => settings.some((setting) =>
    trait.cell(setting) !== trait.cell(settings[0]));
  const textOf = (traits, setting) => traits.map((trait) =>
    `${trait.name} ${trait.cell(setting)}`).join(", ");
  const varied = sweepTraits.filter(varies);
  const shared = sweepTraits.filter((trait) => !varies(trait));
  const prompts = {
    name: "prompts", cell: (setting) => setting.prompts, number: true,
  };
  return [
    scrolling("The table, which can scroll", table("numbers",
      [...sweepResults, ...(interrupted ? [prompts] : [])], settings,
      (_, i) => (i === best ? { class: "best" } : {}),
      (setting) => textOf(varied, setting))),
    shared.length > 0
      ? element("p", {}, `In all: ${textOf(shared, settings[0])}.`) : null,
    element("p", { class: "soft" },
      "verify, draft: median times per pass, in plain passes. predicted: " +
      "tokens per pass over their sum. α: acceptance of a drafted token, one " +
      "for all windows. formula: what α promises. middle half: of the " +
      "speed-ups of single prompts."),
  ];
}

// What an interrupted sweep has, and what it was to have.
function howFar({ settings, prompts, prompts_asked: promptsAsked,
  settings_asked: settingsAsked }) {
  const runs = settings.reduce((sum, setting) => sum + setting.prompts, 0);
  return element("p", { class: "lede" },
    `Interrupted: ${runs} of ${promptsAsked * settingsAsked} runs were made ` +
    `(a run is a prompt with a setting), over ${prompts} of ` +
    `${promptsAsked} prompts and ${settings.length} of ${settingsAsked} ` +
    "settings.");
}

function bestSetting(sweep) {
  const best = sweep.settings[sweep.best_setting];
  if (sweep.interrupted && !sweep.best) return null;
  if (!best) {
    return element("p", { class: "lede" }, sweep.settings.length === 0
      ? "Nothing was measured."
      : "No setting that was measured beats plain decoding.");
  }
  const traits = sweepTraits.map((trait) =>
    `${trait.name} ${trait.cell(best)}`);
  return [
    element("p", { class: "lede" },
      `${sweep.interrupted ? "Best so far" : "Best"}: ` +
      `${[`k = ${best.window}`, ...traits].join(", ")}.`),
    headlineFigures([
      ["times plain decoding", best.speedup.toFixed(2)],
      ["tokens per pass", best.tokens_per_pass.toFixed(2)],
      ["of the drafted accepted", percent(best.acceptance_rate)],
      ["per token", seconds(best.seconds_per_token)],
      ["per token, plain", seconds(best.plain_seconds_per_token)],
    ]),
  ];
}

function howMeasured({ sweep, facts }) {
  return factList([
    ...facts,
    ["Prompts",
      `${sweep.prompts}, ${sweep.max_tokens} tokens generated for each`],
    ["Order", "Every run right after plain decoding of the same prompt, so " +
      "that both run under the same conditions"],
    ["Counted", "Sums over all prompts, without the pass of each that " +
      "encodes the prompt"],
  ]);
}

export function sweepReport(data) {
  const { sweep } = data;
  const groups = sweep.groups.map((group) => ({
    ...group,
    settings: group.settings.map((index) => sweep.settings[index]),
  }));
  const results = groups.length === 0 ? [] : [
    section("plots", "By window", sweepPlots(groups)),
    section("figures", "All figures",
      sweepTable(sweep)),
  ];
  return {
    title: `What speculation gains: ${data.models}`,
    summary: [
      sweep.interrupted ? howFar(sweep) : null, bestSetting(sweep)],
    content: [
      results,
      section("setup", "How it was measured", howMeasured(data)),
      sweep.best
        ? section("best", "The best setting", commandBlock(sweep.best)) : [],
    ],
  };
}
