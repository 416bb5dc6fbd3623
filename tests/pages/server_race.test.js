// Races in the page of the server.
import assert from "node:assert/strict";
import { test } from "node:test";

import { checkLook } from "./browser.js";
import {
  choose, ended, generate, testServerLooks, textOf, wide, withServer,
} from "./server.js";

testServerLooks("a race", {}, async (page, look) => {
  await choose(page, "race");
  await checkLook(page, look);
  await generate(page);
  await checkLook(page, look);
  assert.match(await textOf(page, ".verdict"),
    /^Identical: both texts are the same \d+ bytes in 128 tokens\. /);
  const [plain, speculative] =
    await page.locator(".lane .generated >> visible=true").allTextContents();
  assert.equal(plain, speculative);
  assert.ok(plain.length > 300);
  for (const clock of await page.locator(".clock").allTextContents()) {
    assert.match(clock, /^\d+\.\d\d s$/);
  }
  assert.equal(await page.locator(".winner").count(), 1);
});

test("both lanes ask the same, but for speculation and the cache", () =>
  withServer({}, wide, async (page, mock) => {
    await choose(page, "race");
    await page.locator("#window").selectOption("4");
    await page.locator("#temperature").fill("0.7");
    await generate(page);
    const [plain, speculative] =
      mock.asked("/v1/completions").map(({ body }) => body);
    assert.equal(plain.speculative, false);
    assert.deepEqual(speculative.speculative, { window: 4 });
    assert.notEqual(plain.cache_salt, speculative.cache_salt);
    assert.equal(plain.seed, speculative.seed);
    for (const body of [plain, speculative]) {
      delete body.speculative;
      delete body.cache_salt;
    }
    assert.deepEqual(plain, speculative);
  }));

for (const [acceptor, kind, words] of [
  ["coupled", "same", /^Identical/],
  ["block", "different", /differ after \d+ characters\. Above temperature 0/],
  ["typical", "different", /typical is lossy/],
]) {
  test(`above temperature 0 the verdict knows ${acceptor}`, () =>
    withServer({}, wide, async (page) => {
      await choose(page, "race");
      await page.locator("#acceptor").selectOption(acceptor);
      await page.locator("#temperature").fill("0.7");
      await page.locator("#seed").fill("5");
      await generate(page);
      assert.match(await textOf(page, ".verdict"), words);
      assert.equal(await page.locator(`.verdict.${kind}`).count(), 1);
    }));
}

test("a race can be seen again from a common start", () =>
  withServer({}, wide, async (page, mock) => {
    await choose(page, "race");
    await generate(page);
    const texts = () =>
      page.locator(".lane .generated >> visible=true").allTextContents();
    const before = await texts();
    await page.locator("#race > button").click();
    await page.waitForFunction((whole) =>
      [...document.querySelectorAll(".lane .token-view > .generated")]
        .every((node, i) => node.textContent === whole[i]), before);
    assert.equal(mock.asked("/v1/completions").length, 2);
  }));

test("a race at once begins both before either ends", () =>
  withServer({ holdAfter: 2 }, wide, async (page, mock) => {
    await choose(page, "race");
    await page.locator("#together").check();
    await page.locator("#prompt").fill("Once");
    await page.locator("#send").click();
    await page.waitForFunction(() =>
      [...document.querySelectorAll(".lane .token-view > .generated")]
        .every((node) => node.childElementCount > 0));
    assert.equal(mock.asked("/v1/completions").length, 2);
    await page.locator("#halt").click();
    await ended(page);
    assert.equal(await textOf(page, ".verdict"),
      "Stopped: there is nothing to compare.");
  }));

test("a message of a chat can be raced", () =>
  withServer({}, wide, async (page, mock) => {
    await choose(page, "race");
    await page.locator("#as-chat").check();
    await generate(page, "Hello");
    assert.equal(mock.asked("/v1/chat/completions").length, 2);
    assert.match(await textOf(page, ".verdict"), /^Identical/);
  }));

test("a lane that fails ends the race", () => withServer(
  { failures: { "/v1/completions": { status: 400, error: "too long" } } },
  { ...wide, noise: /Failed to load/ }, async (page) => {
    await choose(page, "race");
    await generate(page);
    assert.equal(await textOf(page, "#alert"), "too long");
    assert.equal(await page.locator(".verdict").isVisible(), false);
  }));
