// The page on the server that it belongs to.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import path from "node:path";
import process from "node:process";

import { checkLook, withPage } from "./browser.js";
import { startServer } from "./running_server.js";
import { choose, generate, textOf, wide } from "./server.js";

// One thread: two of a busy machine wait for each other.
const server = await startServer(path.resolve(process.argv[2]), ["-t", "1"]);
after(async () => assert.equal(await server.stop(), 0));

const withReal = (use) =>
  withPage({ address: server.address, ready: ".state.ready" }, wide, use);

test("a text of the real server, with its origins and passes", () =>
  withReal(async (page) => {
    await page.locator("#window").selectOption("4");
    await page.locator("#temperature").fill("0");
    await generate(page);
    await checkLook(page, wide);
    const text = await textOf(page, "#written .generated >> visible=true");
    assert.match(text, /^, there was a little girl named Lily\./);
    const columns = await page.locator(".strip .column").count();
    assert.ok(columns > 5, `${columns} passes are shown`);
    const accepted = await page.locator("#written .a[tabindex]").count();
    assert.ok(accepted > 64, `${accepted} tokens are accepted ones`);
  }));

for (const [temperature, acceptor] of [["0", "block"], ["0.8", "coupled"]]) {
  test(`a race on the real server, temperature ${temperature}`, () =>
    withReal(async (page) => {
      await choose(page, "race");
      await page.locator("#acceptor").selectOption(acceptor);
      await page.locator("#temperature").fill(temperature);
      await page.locator("#seed").fill("3");
      await generate(page);
      assert.match(await textOf(page, ".verdict"), /^Identical/);
    }));
}

test("the figures of the real server", () => withReal(async (page) => {
  await generate(page);
  await page.waitForFunction(() =>
    /\d+ tokens; [1-9]\d* more kept/.test(
      document.getElementById("server").textContent));
}));
