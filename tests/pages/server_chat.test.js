// Conversations in the page of the server.
import assert from "node:assert/strict";
import { test } from "node:test";

import { checkLook } from "./browser.js";
import { story } from "./mock_server.js";
import {
  choose, ended, testServerLooks, textOf, wide, withServer,
} from "./server.js";

async function say(page, text) {
  await page.locator("#prompt").fill(text);
  await page.locator("#prompt").press("Enter");
  await ended(page);
}

testServerLooks("a conversation", {}, async (page, look) => {
  await choose(page, "chat");
  await checkLook(page, look);
  await say(page, "Hello");
  await say(page, "And then?");
  await checkLook(page, look);
  assert.equal(await page.locator(".turn").count(), 4);
  assert.equal(await page.locator("#prompt").inputValue(), "");
});

test("each turn sends all before it", () =>
  withServer({}, wide, async (page, mock) => {
    await choose(page, "chat");
    await page.locator("#max-tokens").fill("4");
    await page.getByText("More", { exact: true }).click();
    await page.locator("#system").fill("Be brief.");
    await say(page, "Hello");
    await say(page, "And then?");
    const [first, second] = mock.asked("/v1/chat/completions")
      .map(({ body }) => body.messages);
    assert.deepEqual(first, [{ role: "system", content: "Be brief." },
      { role: "user", content: "Hello" }]);
    assert.deepEqual(second, [...first,
      { role: "assistant", content: " there was a little" },
      { role: "user", content: "And then?" }]);
  }));

test("an answer can be had again, and a conversation forgotten", () =>
  withServer({}, wide, async (page, mock) => {
    await choose(page, "chat");
    await say(page, "Hello");
    await page.locator("#again").click();
    await ended(page);
    const [first, second] = mock.asked("/v1/chat/completions");
    assert.deepEqual(second.body.messages, first.body.messages);
    assert.equal(await page.locator(".turn").count(), 2);
    await page.locator("#forget").click();
    assert.equal(await page.locator(".turn").count(), 0);
    assert.ok(await page.locator("#prompt").evaluate((node) =>
      node === document.activeElement));
  }));

test("Shift + Enter begins a line, and an empty message is not sent", () =>
  withServer({}, wide, async (page, mock) => {
    await choose(page, "chat");
    await page.locator("#prompt").press("Enter");
    await page.locator("#prompt").pressSequentially("a");
    await page.locator("#prompt").press("Shift+Enter");
    await page.locator("#prompt").pressSequentially("b");
    assert.equal(mock.asked("/v1/chat/completions").length, 0);
    assert.equal(await page.locator("#prompt").inputValue(), "a\nb");
  }));

test("what a model thinks is apart from what it says", () =>
  withServer({ thoughts: 12 }, wide, async (page, mock) => {
    await choose(page, "chat");
    await say(page, "Hello");
    await say(page, "And then?");
    const [thought, said] = await page.locator(".turn.assistant").first()
      .locator(".generated").allTextContents();
    assert.ok(thought.length > 0 && (thought + said).startsWith(story));
    const { messages } = mock.asked("/v1/chat/completions")[1].body;
    assert.equal(messages[1].content, said);
  }));

test("thoughts are open until the answer begins", () =>
  withServer({ thoughts: 1000, holdAfter: 3 }, wide, async (page, mock) => {
    await choose(page, "chat");
    await page.locator("#prompt").fill("Hello");
    await page.locator("#prompt").press("Enter");
    const thoughts = page.locator(".turn .thinking");
    await thoughts.locator(".generated").waitFor({ state: "visible" });
    await page.locator("#halt").click();
    await ended(page);
    Object.assign(mock, { thoughts: 12, holdAfter: null });
    await page.locator("#again").click();
    await ended(page);
    assert.ok(await thoughts.isVisible());
    assert.equal(await thoughts.locator(".generated").isVisible(), false);
  }));

test("the window follows an answer, and not who reads above", () =>
  withServer({}, wide, async (page) => {
    await choose(page, "chat");
    await page.locator("#max-tokens").fill("500");
    await say(page, "Hello");
    await page.waitForFunction(() => document.querySelector(".turns")
      .getBoundingClientRect().bottom <= innerHeight + 1);
    assert.ok(await page.evaluate(() => window.scrollY > 0));
    await page.evaluate(() => new Promise((resolve) => {
      document.addEventListener("scroll", () => {
        if (window.scrollY === 0) resolve(); // and not what went before
      });
      window.scrollTo(0, 0);
    }));
    await page.evaluate(() => document.getElementById("again").click());
    await ended(page);
    await page.evaluate(() => new Promise(requestAnimationFrame));
    assert.equal(await page.evaluate(() => window.scrollY), 0);
  }));

test("a failed answer can be had again", () => withServer(
  { failures: { "/v1/chat/completions": { status: 500, error: "no" } } },
  { ...wide, noise: /Failed to load/ }, async (page, mock) => {
    await choose(page, "chat");
    await say(page, "Hello");
    assert.equal(await textOf(page, "#alert"), "no");
    mock.failures = {};
    await page.locator("#again").click();
    await ended(page);
    assert.equal(await page.locator("#alert").isVisible(), false);
    assert.ok((await page.locator(".turn.assistant .generated").last()
      .textContent()).startsWith(story));
  }));

test("hostile messages stay text", () =>
  withServer({}, wide, async (page) => {
    await choose(page, "chat");
    await say(page, "<img src=x onerror=alert(1)>");
    assert.equal(await textOf(page, ".said"), "<img src=x onerror=alert(1)>");
    assert.equal(await page.locator("main img").count(), 0);
  }));
