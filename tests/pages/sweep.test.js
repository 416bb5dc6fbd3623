import assert from "node:assert/strict";
import { test } from "node:test";

import { cellsOf, checkLook, plotsOf, testLooks, withPage } from "./browser.js";
import { sweepReport } from "./reports.js";

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
  assert.equal(plots.get("Acceptance by place").markers.length, 7 + 7);
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
    const rows = await cellsOf(page, "numbers");
    const { settings } = several.data.sweep;
    assert.equal(rows.length, settings.length);
    settings.forEach((setting, i) => {
      const [low, high] = setting.speedup_quartiles_of_prompts;
      const two = (value) => (value === null ? "–" : value.toFixed(2));
      assert.deepEqual(
        rows[i].filter((_, column) => ![6, 7].includes(column)), [
          setting.drafters.join(", "), String(setting.window),
          two(setting.speedup), `${two(low)} to ${two(high)}`,
          two(setting.tokens_per_pass),
          `${(100 * setting.acceptance_rate).toFixed(1)} %`,
          two(setting.verify_cost), two(setting.draft_cost),
          two(setting.speedup_predicted), two(setting.acceptance_per_token),
          two(setting.speedup_formula)]);
      assert.match(rows[i][6], /^[\d.]+ (µs|ms|s)$/);
    });
    const best = several.data.sweep.best_setting;
    assert.equal(await page.locator("tr.best").count(), best === null ? 0 : 1);
    // What all settings share is said once.
    const text = await page.locator("#figures").innerText();
    assert.ok(text.includes("In all: acceptor block, temperature 0."), text);
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

testLooks("sweep of one window", one, async (page, look) => {
  await checkLook(page, look);
  const plots = await plotsOf(page);
  const place = plots.get("Acceptance by place");
  const [setting] = one.data.sweep.settings;
  assert.equal(place.markers.length, 2);
  assert.deepEqual(place.counts, setting.drafted_per_position);
});
