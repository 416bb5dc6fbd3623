// The server's page, opened on a server that is not one.
import { after } from "node:test";

import { looks, withPage } from "./browser.js";
import { startMock } from "./mock_server.js";
import { test } from "node:test";

const mocks = [];
after(() => mocks.forEach((mock) => mock.close()));

export const wide = { colorScheme: "light", width: 1280 };

// Opens the page of a server with these options; `use` gets both.
export async function withServer(options, look, use) {
  const mock = await startMock(options);
  mocks.push(mock);
  const { ready = ".state.ready" } = options;
  await withPage({ address: mock.address, ready }, look,
    (page) => use(page, mock));
}

export function testServerLooks(name, options, use) {
  for (const look of looks) {
    test(`${name}, ${look.colorScheme}, ${look.width} px`, () =>
      withServer(options, look, (page, mock) => use(page, look, mock)));
  }
}

export const choose = (page, mode) =>
  page.locator(`input[name=mode][value=${mode}]`).check();

// Settles when what was begun has come to its end; on a busy machine that may
// take long.
export const ended = (page) => page.waitForFunction(() =>
  !document.getElementById("send").disabled, null, { timeout: 300_000 });

export async function generate(page, prompt = "Once upon a time") {
  await page.locator("#prompt").fill(prompt);
  await page.locator("#send").click();
  await ended(page);
}

export const textOf = (page, selector) =>
  page.locator(selector).first().textContent();
