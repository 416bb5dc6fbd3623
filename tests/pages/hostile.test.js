// Text that would be markup, a script or a mess anywhere else.
import assert from "node:assert/strict";
import { test } from "node:test";

import { checkLook, testLooks, withPage } from "./browser.js";
import { traceReport, withData } from "./reports.js";

const hostile = [
  "</script><script>alert(1)</script>", "\"><img src=x onerror=alert(1)>",
  "</span></a></section>", "\u202e reversed", "\0\x1b[2J", "\u2066",
  "</style><style>*{display:none}", "<!--", "&#60;b&#62;", "]]>",
  "x".repeat(400), "javascript:alert(1)", "url(https://example.org/)",
];
// An argument of a program has no NUL, and a prompt has to fit.
const prompt = hostile
  .filter((text) => !text.includes("\0") && text.length < 100).join(" ");

const asPrompt = traceReport("hostile-prompt", ["-p", prompt, "-n", "8"]);
const harmlessOne = traceReport("harmless", ["-p", "Once", "-n", "8"]);
const guesses = hostile.map((text) => [text, 0.5, 0.25]);
const everywhere = withData(harmlessOne, "hostile", {
  ...harmlessOne.data,
  models: hostile.join(" "),
  made: hostile[0],
  version: hostile[1],
  facts: hostile.map((text) => [text, text]),
  prompt: hostile.join(""),
  tokens: hostile,
  origins: "arb".repeat(5).slice(0, hostile.length),
  passes: [{
    emitted: hostile.length, drafted: hostile.length, accepted: guesses,
    rejected: guesses, microseconds: [1000, 2000, 4000],
  }],
});

const count = (page, selector) => page.locator(selector).count();

for (const [name, report] of [["prompt", asPrompt], ["data", everywhere]]) {
  testLooks(`hostile ${name}`, report, async (page, look) => {
    await checkLook(page, look);
    assert.equal(await count(page, "script"), 2);
    assert.equal(await count(page, "style"), 1);
    assert.equal(await count(page, "img"), 0);
    assert.ok(await page.locator("footer").isVisible());
  });
}

test("a hostile prompt is shown as it is", () =>
  withPage(asPrompt, { colorScheme: "light", width: 1280 }, async (page) => {
    const shown = await page.locator(".prompt").textContent();
    assert.ok(shown.includes("</script><script>alert(1)</script>"), shown);
    assert.ok(shown.includes("‹U+202E› reversed"), shown);
  }));
