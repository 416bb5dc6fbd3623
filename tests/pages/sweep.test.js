import assert from "node:assert/strict";
import { test } from "node:test";

import { cellsOf, checkLook, plotsOf, testLooks, withPage } from "./browser.js";
import { sweepReport, withData } from "./reports.js";

const short = ["--most-prompts", "2", "-n", "32"];
const several = sweepReport("sweep", [...short, "--windows", "auto,2,4,8",
  "--drafters", "model,ngram+model"]);
const one = sweepReport("sweep-one", [...short, "--windows", "3"]);
const wide = { colorScheme: "light", width: 1280 };

const close = (a, b, by) => assert.ok(Math.abs(a - b) <= by, `${a} and ${b}`);

testLooks("sweep", several, async (page, look) => {
  await checkLook(page, look);
  const { groups, settings } = several.data.sweep;
  const fixed = settings.filter((setting) => setting.window !== "auto");
  const plots = await plotsOf(page);
  assert.equal(plots.size, 4 + groups.length);
  for (const [title, computed] of [["Speed-up", 0], ["Tokens per pass", 2],
    ["Measured against the formula", 2]]) {
    const plot = plots.get(title);
    assert.equal(plot.markers.length, fixed.length, title);
    assert.equal(plot.lines.length, groups.length + computed, title);
  }
  const place = plots.get("Acceptance by place");
  assert.equal(place.markers.length, 7 + 7);
  // Each point says how many passes stand behind it.
  assert.deepEqual(place.counts, groups.flatMap((group) =>
    settings[group.settings.at(-1)].drafted_per_position));
  for (const group of groups) {
    const plot =
      plots.get(`Where the time goes (${group.drafters.join(", ")})`);
    assert.equal(plot.bars.length, 3 * (1 + group.settings.length));
  }
});

test("points and bars stand where their values are", () =>
  withPage(several, wide, async (page) => {
    const { groups, settings } = several.data.sweep;
    const plots = await plotsOf(page);
    const speedups = settings.filter((setting) => setting.window !== "auto")
      .map((setting) => setting.speedup);
    const { markers, bottom, names } = plots.get("Speed-up");
    const unit = (bottom - markers[0].y) / speedups[0];
    markers.forEach(({ y, text }, i) => {
      close(bottom - y, unit * speedups[i], 0.2);
      assert.ok(text.includes(`: ${speedups[i].toFixed(2)} (`), text);
    });
    assert.ok(markers[1].x > markers[0].x && markers[2].x > markers[1].x);
    assert.ok(Math.abs(names[0] - names[1]) >= 14, "names overlap");

    const { bars } = plots.get("Where the time goes (model)");
    const parts = [groups[0].plain,
      ...groups[0].settings.map((index) => settings[index])]
      .map((runs) => runs.seconds_per_token_split)
      .flatMap(({ verify, draft, bookkeeping }) =>
        [verify, draft, Math.max(bookkeeping, 0)]);
    const height = bars[0] / parts[0];
    bars.forEach((bar, i) => close(bar, height * parts[i], 0.2));
  }));

test("the table says what the data say, the result first", () =>
  withPage(several, wide, async (page) => {
    const all = await cellsOf(page, "numbers");
    const rows = all.filter((row) => row.length > 1);
    const { groups, settings } = several.data.sweep;
    // What rows have in common heads them.
    assert.deepEqual(all.filter((row) => row.length === 1).flat(),
      groups.map((group) => `drafter ${group.drafters.join(", ")}`));
    assert.equal(all[0].length, 1);
    assert.equal(rows.length, settings.length);
    settings.forEach((setting, i) => {
      const [low, high] = setting.speedup_quartiles_of_prompts;
      const two = (value) => (value === null ? "–" : value.toFixed(2));
      assert.deepEqual(
        rows[i].filter((_, column) => ![5, 6].includes(column)), [
          String(setting.window),
          two(setting.speedup), `${two(low)} to ${two(high)}`,
          two(setting.tokens_per_pass),
          `${(100 * setting.acceptance_rate).toFixed(1)} %`,
          two(setting.verify_cost), two(setting.draft_cost),
          two(setting.speedup_predicted), two(setting.acceptance_per_token),
          two(setting.speedup_formula)]);
      assert.match(rows[i][5], /^[\d.]+ (µs|ms|s)$/);
    });
    const best = several.data.sweep.best_setting;
    assert.equal(await page.locator("tr.best").count(), best === null ? 0 : 1);
    // What all settings share is said once, and after the results.
    const text = await page.locator("#figures").innerText();
    assert.match(text, /speed-up[^]*In all: acceptor block, temperature 0\./);
  }));

test("the command to copy comes last", () =>
  withPage(several, wide, async (page) => {
    const last = page.locator("main > section").last();
    assert.equal(await last.getAttribute("id"), "best");
    assert.equal(await last.locator("code").textContent(),
      several.printed.best);
  }));

test("the page has what --json prints", () => {
  assert.deepEqual(several.data.sweep, several.printed);
});

test("at 360 px the window stays beside its results", () =>
  withPage(several, { colorScheme: "light", width: 360 }, async (page) => {
    const cell = page.locator(".numbers td[data-name=window]").first();
    await page.locator(".wide").evaluate((wideOne) => {
      wideOne.scrollLeft = 10_000;
    });
    const { x } = await cell.boundingBox();
    assert.ok(x >= 0 && x < 40, `the window is at ${x}`);
  }));

test("at 400 px the results are in sight", () =>
  withPage(several, { colorScheme: "light", width: 400 }, async (page) => {
    const table = page.locator("table.numbers");
    for (const name of ["window", "speed-up", "middle half"]) {
      const { x, width } =
        await table.locator(`td[data-name="${name}"]`).first().boundingBox();
      assert.ok(x >= 0 && x + width <= 400, `${name} ends at ${x + width}`);
    }
  }));

// What Ctrl-C leaves after the first prompt with some settings.
function interruptedAfter(count, best) {
  const { sweep } = several.data;
  return withData(several, `interrupted-${count}`, {
    ...several.data,
    sweep: {
      ...sweep,
      interrupted: true,
      prompts: 1,
      prompts_asked: 2,
      settings: sweep.settings.slice(0, count)
        .map((setting) => ({ ...setting, prompts: 1 })),
      groups: sweep.groups.slice(0, Math.ceil(count / 4)).map((group) =>
        ({ ...group, settings: group.settings.filter((i) => i < count) })),
      best_setting: best ? sweep.best_setting : null,
      best: best ? sweep.best : null,
    },
  });
}

testLooks("an interrupted sweep says so, and has no best",
  interruptedAfter(3, false), async (page, look) => {
    await checkLook(page, look);
    const text = await page.locator("body").innerText();
    assert.ok(text.includes("Interrupted: 3 of 16 runs were made"), text);
    assert.ok(text.includes("over 1 of 2 prompts and 3 of 8 settings"), text);
    assert.ok(!/best/i.test(text), text);
    assert.ok(await page.locator("td[data-name=prompts]").count() === 3);
  });

test("an interrupted sweep of all settings has a best so far", () =>
  withPage(interruptedAfter(8, true), wide, async (page) => {
    const text = await page.locator("header").innerText();
    assert.match(text, /Interrupted: 8 of 16 runs[^]*Best so far: k = /);
  }));

testLooks("sweep of one window", one, async (page, look) => {
  await checkLook(page, look);
  const plots = await plotsOf(page);
  const place = plots.get("Acceptance by place");
  const [setting] = one.data.sweep.settings;
  assert.equal(place.markers.length, 2);
  assert.deepEqual(place.counts, setting.drafted_per_position);
});
