// The page at / of the server: a text, its tokens and passes, and what can go
// wrong.
import assert from "node:assert/strict";
import { test } from "node:test";

import { checkLook } from "./browser.js";
import { story } from "./mock_server.js";
import {
  ended, generate, testServerLooks, textOf, wide, withServer,
} from "./server.js";

const refused = /Failed to load resource/;
const shown = "#written .generated >> visible=true";

testServerLooks("a text", {}, async (page, look) => {
  await checkLook(page, look);
  await generate(page);
  await checkLook(page, look);
  const text = await textOf(page, shown);
  assert.equal(text.slice(0, story.length), story);
  for (const origin of ["a", "r", "b"]) {
    assert.ok(await page.locator(`#written .${origin}[tabindex]`).count() > 0);
  }
  assert.match(await textOf(page, "#announcer"), /^Done: 128 tokens in /);
  assert.match(await textOf(page, ".facts-line"), /^128 tokens · reached/);
});

test("a request asks for what the form says", () =>
  withServer({}, wide, async (page, mock) => {
    await page.locator("#window").selectOption("6");
    await page.locator("#drafter").selectOption("suffix,model");
    await page.locator("#acceptor").selectOption("coupled");
    await page.locator("#temperature").fill("0.8");
    await page.locator("#seed").fill("42");
    await page.locator("#max-tokens").fill("20");
    await page.getByText("More", { exact: true }).click();
    await page.locator("#stop").fill("###");
    await generate(page, "Tom <b>said</b>");
    const [{ body }] = mock.asked("/v1/completions");
    assert.deepEqual(body, {
      model: "pilotfish-stories", prompt: "Tom <b>said</b>", stream: true,
      stream_options: { include_usage: true }, return_tokens: true,
      speculative: { window: 6, drafter: "suffix,model" }, acceptor: "coupled",
      temperature: 0.8, seed: 42, max_tokens: 20, stop: "###",
    });
    assert.match(await textOf(page, "#acceptor-help"), /reproducible/);
  }));

test("the passes say what the server said", () =>
  withServer({}, wide, async (page) => {
    await page.locator("#window").selectOption("8");
    await generate(page);
    await page.waitForFunction(() =>
      document.querySelector("#live dd").textContent === "128");
    const strip = await page.locator(".strip").evaluate((node) =>
      [...node.children].map((column) => ({
        kept: column.querySelectorAll(".kept").length,
        rejected: column.querySelectorAll(".rejected").length,
        own: column.querySelectorAll(".recovered, .bonus").length,
        title: column.title,
      })));
    const tokens = strip.reduce((sum, { kept, own }) => sum + kept + own, 0);
    assert.equal(tokens, 127, "all but the first pass's");
    assert.ok(strip.every(({ own }) => own === 1));
    assert.ok(strip.every(({ kept, rejected, title }) => title.endsWith(
      kept + rejected === 0 ? "0 of 0 drafted kept"
        : `${kept} of ${kept + rejected} drafted kept`)));
    const places = await page.locator(".places tbody tr").evaluateAll((rows) =>
      rows.map((row) => [...row.cells].map((cell) => cell.textContent)));
    assert.equal(places.length, 7);
    places.forEach(([place, , share, passes], i) => {
      const offered = strip.filter(({ kept, rejected }) =>
        kept + rejected > i);
      const kept = offered.filter((column) => column.kept > i);
      assert.deepEqual([place, share, passes], [String(i + 1),
        `${Math.round((100 * kept.length) / offered.length)} %`,
        String(offered.length)]);
    });
    const figures = await page.locator("#live .headline dd").allTextContents();
    assert.equal(figures[2], (127 / strip.length).toFixed(2));
    assert.match(await page.locator(".strip").getAttribute("aria-label"),
      /^The last \d+ passes, [\d.]+ tokens each/);
  }));

test("plain decoding drafts nothing, and the page says so", () =>
  withServer({}, wide, async (page, mock) => {
    await page.locator("#window").selectOption("1");
    await generate(page);
    assert.equal(mock.asked("/v1/completions")[0].body.speculative, false);
    assert.equal(await page.locator(".places").isVisible(), false);
    assert.ok(await page.getByText("Nothing has been drafted yet.")
      .isVisible());
  }));

testServerLooks("a card says p and q", {}, async (page, { width }) => {
  await generate(page);
  const card = page.locator("#card");
  const token = page.locator("#written .a").nth(3);
  await token.hover();
  await card.waitFor({ state: "visible" });
  const text = await card.innerText();
  assert.match(text, /Origin\n?\s*accepted/);
  assert.match(text, /p, the target’s\n?\s*\.\d+/);
  assert.match(text, /q, the draft’s\n?\s*\.\d+/);
  assert.match(text, /\d of 3 drafted kept, draft [\d.]+ ms, verify [\d.]+ ms/);
  const box = await card.boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= width, "the card sticks out");
  await page.keyboard.press("Escape");
  await card.waitFor({ state: "hidden" });
});

test("the keyboard reaches every token", () =>
  withServer({}, wide, async (page) => {
    await generate(page);
    const focused = () => page.evaluate(() => {
      const tokens = [...document.querySelectorAll("#written [tabindex]")]
        .filter((node) => node.className !== "token-view");
      return tokens.indexOf(document.activeElement);
    });
    // From the last button before the text, Tab leads to the first token.
    await page.locator("#origins").focus();
    await page.keyboard.press("Tab");
    assert.equal(await focused(), 0);
    await page.keyboard.press("ArrowRight");
    assert.equal(await focused(), 1);
    await page.locator("#card").waitFor({ state: "visible" });
    assert.equal(await page.evaluate(() =>
      document.activeElement.getAttribute("aria-describedby")), "card");
    const passNow = async () => Number(
      (await page.locator("#card").innerText()).match(/Pass (\d+)/)[1]);
    const pass = await passNow();
    await page.keyboard.press("ArrowDown");
    assert.equal(await passNow(), pass + 1);
    await page.keyboard.press("ArrowUp");
    assert.equal(await passNow(), pass);
    await page.keyboard.press("End");
    assert.equal(await focused(), 127);
    await page.keyboard.press("ArrowRight");
    assert.equal(await focused(), 127);
    await page.keyboard.press("Home");
    assert.equal(await focused(), 0);
    // There is one stop in the text, so that Tab leads on.
    await page.keyboard.press("Tab");
    assert.equal(await focused(), -1);
  }));

test("everything one can do can be done by keyboard", () =>
  withServer({}, wide, async (page, mock) => {
    await page.locator("#prompt").focus();
    await page.keyboard.type("Once");
    await page.keyboard.press("Control+Enter");
    await ended(page);
    assert.equal(mock.asked("/v1/completions").length, 1);
    await page.locator("input[value=write]").focus();
    await page.keyboard.press("ArrowRight");
    assert.ok(await page.locator("input[value=chat]").isChecked());
  }));

test("every field and landmark has a name", () =>
  withServer({}, wide, async (page) => {
    const nameless = await page.locator("input, select, textarea, button")
      .evaluateAll((fields) => fields.filter((field) =>
        ![...field.labels ?? []].some((label) => label.textContent.trim()) &&
        !field.textContent.trim()).map((field) => field.outerHTML));
    assert.deepEqual(nameless, []);
    for (const [role, name] of [["radiogroup", "What to do"],
      ["group", "The text"], ["region", "Passes"], ["region", "Server"]]) {
      assert.equal(await page.getByRole(role, { name, exact: true }).count(), 1,
        `${role} ${name}`);
    }
    assert.equal(await page.getByRole("main").count(), 1);
    assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1);
  }));

test("a text can be stopped, and its server knows", () =>
  withServer({ holdAfter: 3 }, wide, async (page, mock) => {
    await page.locator("#prompt").fill("Once");
    assert.equal(await textOf(page, ".facts-line"), "");
    await page.locator("#send").click();
    await page.locator("#written [tabindex='-1']").first().waitFor();
    assert.equal(await textOf(page, ".facts-line"), "");
    await page.locator("#halt").click();
    await ended(page);
    assert.match(await textOf(page, ".facts-line"), /stopped/);
    assert.equal(await page.locator("#alert").isVisible(), false);
    while (mock.gone.length === 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }));

// Begins a text whose connection breaks off when `seen` (a selector) is there.
async function generateBroken(page, mock, seen) {
  await page.locator("#prompt").fill("Once");
  await page.locator("#send").click();
  await page.locator(seen).first().waitFor({ state: "attached" });
  mock.breakNow();
  await ended(page);
}

test("a text goes on where its connection broke off", () =>
  withServer({ breakAfter: 5 }, { ...wide, noise: /ERR_/ },
    async (page, mock) => {
      await generateBroken(page, mock, "#written .a");
      assert.equal((await textOf(page, shown)).slice(0, story.length), story);
      const [first, second] = mock.asked("/v1/completions");
      const { resume, ...rest } = second.body;
      assert.deepEqual(rest, first.body, "the same request, seed included");
      assert.ok(resume.tokens.length > 0);
      assert.deepEqual(resume.tokens, resume.tokens.map((_, i) => i));
      assert.match(await textOf(page, ".facts-line"), /^128 tokens/);
    }));

test("a text that breaks off before it begins is asked for once more", () =>
  withServer({ breakAfter: 0 }, { ...wide, noise: /ERR_/ },
    async (page, mock) => {
      await generateBroken(page, mock,
        ".facts-line:text-is('Waits for the first token.')");
      assert.equal((await textOf(page, shown)).slice(0, story.length), story);
      const [first, second] = mock.asked("/v1/completions");
      assert.deepEqual(second.body, first.body);
    }));

test("without token ids a broken text stays as it is", () =>
  withServer({ breakAfter: 5, extras: false }, { ...wide, noise: /ERR_/ },
    async (page, mock) => {
      await generateBroken(page, mock, "#written .generated span");
      assert.match(await textOf(page, "#alert"), /broke off/);
      const text = await textOf(page, shown);
      assert.ok(text.length > 0 && story.startsWith(text), text);
      assert.equal(mock.asked("/v1/completions").length, 1);
    }));

test("a server that is away is not asked again and again", () =>
  withServer({}, { ...wide, noise: /ERR_/ }, async (page, mock) => {
    mock.close();
    await generate(page);
    assert.equal(await textOf(page, "#alert"), "The server cannot be reached.");
  }));

test("a server without the extensions is enough", () =>
  withServer({ extras: false, template: false }, wide, async (page) => {
    await generate(page);
    assert.equal((await textOf(page, shown)).slice(0, story.length), story);
    assert.ok(await page.locator("input[value=chat]").isDisabled());
  }));

for (const [status, error, headers, said] of [
  [400, "temperature must be at least 0", {}, "temperature must be at least 0"],
  [429, "The queue is full.", { "retry-after": "3" },
    "The queue is full. Try again in 3 seconds."],
  [500, "</p><script>alert(1)</script>\u202e", {},
    "</p><script>alert(1)</script>‹U+202E›"],
]) {
  test(`the page says what the server says, ${status}`, () => withServer(
    { failures: { "/v1/completions": { status, error, headers } } },
    { ...wide, noise: refused }, async (page) => {
      await generate(page);
      assert.equal(await textOf(page, "#alert"), said);
      assert.ok(await page.locator("#send").isEnabled());
    }));
}

test("a stream that fails keeps its text, and says why", () =>
  withServer({ failAfter: 4 }, wide, async (page, mock) => {
    await generate(page);
    assert.equal(await textOf(page, "#alert"),
      "The model’s logits are not a number.");
    const text = await textOf(page, shown);
    assert.ok(text.length > 0 && story.startsWith(text), text);
    assert.match(await textOf(page, ".facts-line"), /broke off/);
    assert.equal(mock.asked("/v1/completions").length, 1);
  }));

test("a key is asked for, sent, and not kept for others", () =>
  withServer({ key: "s3cret", ready: "dialog[open]" },
    { ...wide, noise: refused }, async (page, mock) => {
      assert.ok(await page.evaluate(() =>
        document.activeElement === document.getElementById("key")));
      await page.locator("#key").fill("s3cret");
      await page.keyboard.press("Enter");
      await page.locator(".state.ready").waitFor();
      await generate(page);
      const [{ headers }] = mock.asked("/v1/completions");
      assert.equal(headers.authorization, "Bearer s3cret");
      assert.equal(await page.evaluate(() => localStorage.length), 0);
      await page.getByText("The same request in a shell").click();
      const command = await textOf(page, "#curl code");
      assert.ok(!command.includes("s3cret") &&
        command.includes("$PILOTFISH_API_KEY"), command);
    }));

test("a server that loads is waited for", () => withServer(
  { failures: { "/health": { status: 503, error: "loading" } },
    ready: ".state.waiting" },
  { ...wide, noise: refused }, async (page, mock) => {
    assert.equal(await textOf(page, "#state"), "loading");
    mock.failures = {};
    await page.locator(".state.ready").waitFor();
    assert.match(await textOf(page, "#model"), /^pilotfish-stories · draft/);
  }));

test("the server's figures are those of its metrics", () =>
  withServer({}, wide, async (page) => {
    await page.locator(".tile", { hasText: /0\s*of 4, 0 waiting/ }).waitFor();
    const tiles = await page.locator(".tile").allInnerTexts();
    assert.match(tiles[2], /31\.0 %/);
    assert.match(tiles[3], /83\.0 %/);
    assert.match(tiles[4], /74\.5 %/);
  }));

test("a server without metrics has its slots shown", () => withServer(
  { failures: { "/metrics": { status: 404, error: "no such route" } },
    ready: ".tile" },
  { ...wide, noise: refused }, async (page) => {
    await page.getByText("This server has no /metrics.").waitFor();
    await page.locator(".tile", { hasText: /0\s*of 1/ }).waitFor();
  }));

test("tokens that come after their text have their colours", () =>
  withServer({ late: true }, wide, async (page) => {
    await generate(page);
    assert.equal((await textOf(page, shown)).slice(0, story.length), story);
    const spans = page.locator("#written .token-view > .generated > span");
    assert.equal(await spans.count(), 128);
    assert.equal(await page.locator("#written span[tabindex]").count(), 128);
  }));

test("a value out of range is shown where it stands", () =>
  withServer({}, { ...wide, width: 360 }, async (page, mock) => {
    await page.locator("#settings > summary").click();
    await page.locator("#temperature").fill("-1");
    await page.locator("#settings > summary").click();
    await page.locator("#send").click();
    assert.ok(await page.locator("#temperature").isVisible());
    assert.equal(mock.asked("/v1/completions").length, 0);
  }));

const hostile = [
  "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>",
  "</span></div>", "\u202ereversed", "\0\x1b[2J", "</style>", "&#60;b&#62;",
  "x".repeat(400), "javascript:alert(1)",
].map((text) => `${text} `).join("");

testServerLooks("hostile text", {
  text: hostile, model: "<img src=x onerror=alert(1)>\u202e",
  build: "</footer><script>alert(2)</script>",
}, async (page, look) => {
  await generate(page, hostile.replaceAll("\0", ""));
  await checkLook(page, look);
  const text = await textOf(page, shown);
  assert.ok(text.includes("</script><script>alert(1)</script>"), text);
  assert.ok(text.includes("‹U+202E›reversed"), text);
  assert.ok(text.includes("␀␛[2J"), text);
  assert.equal(await page.locator("main img, main script").count(), 0);
  assert.equal(await page.locator("script").count(), 1);
  assert.ok((await page.title()).startsWith("<img src=x"));
});

test("without origins a text is just a text", () =>
  withServer({}, wide, async (page) => {
    await generate(page);
    const look = () => page.locator("#written .r").first().evaluate((node) => {
      const { borderBottomStyle, fontWeight } = getComputedStyle(node);
      return `${borderBottomStyle} ${fontWeight}`;
    });
    assert.equal(await look(), "double 700");
    await page.locator("#origins").uncheck();
    assert.equal(await look(), "none 400");
  }));

test("without scripts the page says so", () => withServer({},
  { ...wide, javaScriptEnabled: false }, async (page) => {
    assert.match(await page.locator("noscript").innerText(), /switched off/);
  }));
