// A browser, and what every page must be in it.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { launch } from "./chromium.js";

const browser = await launch();
after(() => browser.close());

export const looks = ["light", "dark"].flatMap((colorScheme) =>
  [360, 1280].map((width) => ({ colorScheme, width })));

// Opens a page, calls `use` with it, and fails for an error on the console or
// anything that was fetched from elsewhere. A page is {file}, a report, or
// {address}, a server's; `ready` says when it is drawn, and `noise` are
// messages of the console that are no fault.
export async function withPage(target, look, use) {
  const { colorScheme, width, javaScriptEnabled = true, noise = /^$/ } = look;
  const { address = pathToFileURL(target.file).href, ready = "footer" } = target;
  const context = await browser.newContext(
    { colorScheme, viewport: { width, height: 900 }, javaScriptEnabled });
  try {
    const page = await context.newPage();
    const faults = [];
    const isOwn = (url) =>
      (target.address ? url.startsWith(address) : url === address);
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()) &&
        !noise.test(message.text())) {
        faults.push(message.text());
      }
    });
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("dialog", (dialog) => {
      faults.push(`a dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("request", (request) => {
      if (!isOwn(request.url())) faults.push(`fetched ${request.url()}`);
    });
    await page.goto(address);
    if (javaScriptEnabled) await page.waitForSelector(ready);
    await use(page);
    assert.deepEqual(faults, []);
  } finally {
    await context.close();
  }
}

// A test for each look.
export function testLooks(name, report, use) {
  for (const look of looks) {
    test(`${name}, ${look.colorScheme}, ${look.width} px`,
      () => withPage(report, look, (page) => use(page, look)));
  }
}

// Elements that stick out of the window, but for what scrolls by itself.
const stickingOut = () => {
  const { clientWidth, scrollWidth } = document.documentElement;
  const found = scrollWidth > clientWidth ? [`page: ${scrollWidth}`] : [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest(".wide, .strip") || element.matches(".skip")) continue;
    const { right, width } = element.getBoundingClientRect();
    if (width > 0 && right > clientWidth + 1) {
      found.push(`${element.tagName} ${element.textContent.slice(0, 40)}`);
    }
  }
  return found;
};

// Words in table cells that go over more than one line.
const brokenWords = () => {
  const broken = [];
  const range = document.createRange();
  for (const cell of document.querySelectorAll("table :is(th, td)")) {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
      for (const word of text.data.matchAll(/\S+/g)) {
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        const tops = [...range.getClientRects()].map(({ top }) => top);
        if (Math.max(...tops) - Math.min(...tops) > 4) broken.push(word[0]);
      }
    }
  }
  return broken;
};

const backgroundOf = () => getComputedStyle(document.body).backgroundColor;

export async function checkLook(page, { colorScheme }) {
  assert.deepEqual(await page.evaluate(stickingOut), []);
  assert.deepEqual(await page.evaluate(brokenWords), []);
  const shades = (await page.evaluate(backgroundOf)).match(/\d+/g).map(Number);
  const bright = Math.max(...shades.slice(0, 3)) > 128;
  assert.equal(bright, colorScheme === "light");
}

// {title, bottom, markers, lines, bars, names, counts} of each plot, in the
// units of the drawing: places of markers and names, heights of bars.
const drawnPlots = () => {
  const drawnIn = (plot) => {
    const all = (selector, of) =>
      [...plot.querySelectorAll(selector)].map((drawn) => of(drawn));
    const number = (name) => (drawn) => Number(drawn.getAttribute(name));
    return {
      title: plot.querySelector("strong").textContent,
      bottom: all(".zero", number("y1"))[0],
      markers: all(".marker", (drawn) => {
        const [, x, y] = drawn.getAttribute("d").match(/^M(\S+) ([\d.]+)/);
        return { x: Number(x), y: Number(y), text: drawn.textContent };
      }),
      lines: all(".line", (drawn) => drawn.getAttribute("class")),
      bars: all(".bar", number("height")),
      names: all(".name", number("y")),
      counts: all(".count.mid", (drawn) => Number(drawn.textContent)),
    };
  };
  return [...document.querySelectorAll("figure")].map(drawnIn);
};

export async function plotsOf(page) {
  const drawn = await page.evaluate(drawnPlots);
  assert.ok(!JSON.stringify(drawn).includes("null"), "NaN in a plot");
  return new Map(drawn.map((plot) => [plot.title, plot]));
}

// The texts of the cells of a table's body.
export const cellsOf = (page, className) => page.locator(`table.${className}`)
  .evaluate((table) => [...table.tBodies[0].rows].map((row) =>
    [...row.cells].map((cell) => cell.textContent)));
