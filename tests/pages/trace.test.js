import assert from "node:assert/strict";
import { test } from "node:test";

import { cellsOf, checkLook, plotsOf, testLooks, withPage } from "./browser.js";
import { traceReport, withData } from "./reports.js";

const chain = traceReport("trace", ["-p", "Once upon a time", "-n", "120",
  "--temperature", "0.7", "-k", "5", "--acceptor", "rejection"]);
const tree = traceReport("trace-tree", ["-p", "Once upon a time", "-n", "60",
  "--temperature", "0.7", "-k", "6", "--tree-width", "3",
  "--acceptor", "rejection"]);
const wide = { colorScheme: "light", width: 1280 };
const { passes, stats, origins, tokens } = chain.data;

const countOf = (letter) => [...origins].filter((o) => o === letter).length;
const sumOf = (list) => list.reduce((sum, value) => sum + value, 0);

for (const [name, report] of [["trace", chain], ["trace of a tree", tree]]) {
  testLooks(name, report, async (page, look) => {
    await checkLook(page, look);
    const plots = await plotsOf(page);
    const { data } = report;
    const most = Math.max(...data.passes.map((pass) => pass.emitted));
    assert.equal(plots.get("What passes yielded").bars.length, most);
    const stretch = Math.ceil(data.passes.length / 25);
    assert.equal(plots.get("Along the text").markers.length,
      Math.ceil(data.passes.length / stretch));
    const place = plots.get("Acceptance by place");
    assert.equal(place.markers.length,
      data.stats.acceptance_per_position.length);
    assert.deepEqual(place.counts, data.stats.drafted_per_position);
  });
}

test("the text has each token by its origin", () =>
  withPage(chain, wide, async (page) => {
    const text = page.locator(".generated");
    assert.equal(await text.textContent(),
      tokens.join("").replaceAll("\n", "↵\n"));
    for (const letter of ["a", "r", "b"]) {
      assert.equal(await text.locator(`.${letter}`).count(), countOf(letter));
      assert.ok(countOf(letter) > 0, "a text to look at has all three");
    }
    assert.equal(await text.locator(".pass").count(), passes.length);
  }));

test("origins differ by more than colour", () =>
  withPage(chain, wide, async (page) => {
    const marks = await Promise.all(["a", "r", "b"].map((letter) =>
      page.locator(`.generated .${letter}`).first().evaluate((token) => {
        const style = getComputedStyle(token);
        return [style.borderBottomStyle, style.fontWeight, style.fontStyle];
      })));
    for (const i of [0, 1, 2]) {
      assert.equal(new Set(marks.map((mark) => mark[0])).size, 3);
      assert.equal(new Set(marks.map((mark) => mark.slice(1).join())).size, 3,
        `letters of ${i}`);
    }
  }));

test("the table has a row per pass, with what was drafted", () =>
  withPage(chain, wide, async (page) => {
    const rows = await cellsOf(page, "passes");
    assert.equal(rows.length, passes.length);
    passes.forEach((pass, i) => {
      assert.equal(rows[i][0], String(i + 1));
      assert.equal(rows[i][1], pass.drafted === 0
        ? "nothing drafted" : `${pass.accepted.length} of ${pass.drafted}`);
    });
    const accepted = sumOf(passes.map((pass) => pass.accepted.length));
    const rejected = sumOf(passes.map((pass) => pass.rejected.length));
    assert.ok(accepted > 0 && rejected > 0);
    const table = page.locator("table.passes");
    assert.equal(await table.locator("span.token").count(),
      accepted + countOf("r") + countOf("b"));
    assert.equal(await table.locator("s.token").count(), rejected);
    assert.ok(rows[0].at(-1).endsWith("with the prompt"));
  }));

test("the columns take what their content needs", () =>
  withPage(chain, wide, async (page) => {
    const height = await page.locator("table.passes td[data-name^=Target]")
      .evaluateAll((cells) => Math.max(...cells.map((cell) => {
        const { height: whole } =
          cell.firstElementChild?.getBoundingClientRect() ?? { height: 0 };
        return whole;
      })));
    assert.ok(height < 32, `a token of ${height} px is not on one line`);
  }));

// [accepted, rejected]: how wide the columns are.
const widthsOf = (page) => Promise.all(["Accepted", "Rejected"].map((name) =>
  page.locator(`table.passes th[data-name=${name}]`)
    .evaluate((head) => head.getBoundingClientRect().width)));

function withPasses(name, change) {
  return withData(chain, name, { ...chain.data, passes: passes.map(change) });
}

test("guesses share the width by how many there are", async () => {
  const fewRejected = withPasses("few-rejected", (pass, i) =>
    ({ ...pass, rejected: i === 1 ? passes[1].accepted.slice(0, 1) : [] }));
  const fewAccepted = withPasses("few-accepted", (pass) =>
    ({ ...pass, accepted: [], rejected: pass.accepted }));
  await withPage(fewRejected, wide, async (page) => {
    const [accepted, rejected] = await widthsOf(page);
    assert.ok(accepted > 2 * rejected, `${accepted} and ${rejected} px`);
  });
  await withPage(fewAccepted, wide, async (page) => {
    const [accepted, rejected] = await widthsOf(page);
    assert.ok(rejected > 2 * accepted, `${accepted} and ${rejected} px`);
  });
});

for (const width of [990, 1280]) {
  test(`at ${width} px all columns are in sight`, () =>
    withPage(chain, { colorScheme: "light", width }, async (page) => {
      const hidden = await page.locator("#passes .wide")
        .evaluate((wideOne) => wideOne.scrollWidth - wideOne.clientWidth);
      assert.equal(hidden, 0);
    }));
}

test("the headline says what the data say", () =>
  withPage(chain, wide, async (page) => {
    const text = await page.locator(".headline").innerText();
    for (const figure of [String(stats.generated_tokens),
      stats.tokens_per_pass.toFixed(2),
      `${(100 * stats.acceptance_rate).toFixed(1)} %`,
      stats.tokens_per_second.toFixed(1)]) {
      assert.ok(text.includes(figure), `${figure} in ${text}`);
    }
  }));

testLooks("a card shows the pass", chain, async (page, { width }) => {
  const card = page.locator(".card");
  const pass = page.locator(".generated .pass").nth(5);
  assert.equal(await card.isVisible(), false);
  await pass.hover();
  await card.waitFor({ state: "visible" });
  assert.ok((await card.innerText()).startsWith("Pass\n6\n"));
  const { x, width: cardWidth } = await card.boundingBox();
  assert.ok(x >= 0 && x + cardWidth <= width, "the card sticks out");
  await page.keyboard.press("Escape");
  await card.waitFor({ state: "hidden" });
  await pass.focus();
  await card.waitFor({ state: "visible" });
  await pass.press("Enter");
  await page.waitForURL(/#p6$/);
});

test("without scripts the page says so", () =>
  withPage(chain, { ...wide, javaScriptEnabled: false }, async (page) => {
    const text = await page.locator("body").innerText();
    assert.ok(text.includes("scripts are switched off"), text);
  }));

test("of very many passes the first are shown, and it says so", () => {
  const many = Array.from({ length: 2100 }, (_, i) =>
    (i < 2000 ? passes[1] : { emitted: passes[1].emitted }));
  const count = 2100 * passes[1].emitted;
  const report = withData(chain, "many", {
    ...chain.data,
    passes: many,
    tokens: Array.from({ length: count }, () => " x"),
    origins: "a".repeat(count),
  });
  return withPage(report, wide, async (page) => {
    assert.equal(await page.locator("table.passes tbody tr").count(), 2000);
    const text = await page.locator("#passes").innerText();
    assert.ok(text.includes("The first 2000 of 2100 passes."));
  });
});
