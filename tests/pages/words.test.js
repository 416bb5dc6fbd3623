// What the script's plain functions say; no browser is needed.
import assert from "node:assert/strict";
import { test } from "node:test";

import { niceBound, niceTicks, tickLabel } from "../../src/web/axes.js";
import {
  harmless, median, probability, seconds, significant, tokenLabel,
} from "../../src/web/words.js";

test("texts of all scripts stay as they are", () => {
  for (const text of ["a\tb\nc", "é ñ ß", "日本語", "שלום", "مرحبا", "👩‍👩‍👧",
    "<b>&amp;\"'"]) {
    assert.equal(harmless(text), text);
  }
});

test("controls, and what turns text, are spelled out", () => {
  const cases = {
    "\0": "␀", "\x1b[31m": "␛[31m", "\r": "␍", "\x7f": "‹U+007F›",
    "\u0085": "‹U+0085›", "\u202e<": "‹U+202E›<", "\u2066": "‹U+2066›",
    "\u200f": "‹U+200F›", "\u061c": "‹U+061C›", "\ufffe": "‹U+FFFE›",
    "\u{1ffff}": "‹U+1FFFF›", "\ufdd0": "‹U+FDD0›",
  };
  for (const [text, spelled] of Object.entries(cases)) {
    assert.equal(harmless(text), spelled);
  }
});

test("labels of tokens are short and on one line", () => {
  assert.equal(tokenLabel(" the"), "␣the");
  assert.equal(tokenLabel(" "), "␣");
  assert.equal(tokenLabel("a\n\n"), "a↵↵");
  assert.equal(tokenLabel("x".repeat(40)), `${"x".repeat(32)}…`);
  assert.equal(tokenLabel("👩".repeat(32)), "👩".repeat(32));
});

test("probabilities are short", () => {
  const cases = [[0, "0"], [1, "1"], [0.934, ".93"], [0.5, ".5"],
    [0.00412, ".0041"], [2e-7, "2e-7"], [0.9999, ".99+"]];
  for (const [value, text] of cases) assert.equal(probability(value), text);
});

test("numbers and times are short", () => {
  assert.equal(seconds(0.000_123_4), "123 µs");
  assert.equal(seconds(0.001_634), "1.63 ms");
  assert.equal(seconds(0.108_2), "108 ms");
  assert.equal(seconds(75.31), "75.3 s");
  assert.equal(significant(20), "20");
  assert.equal(significant(1234.5), "1230");
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([]), 0);
});

test("ticks are nice and inside", () => {
  assert.deepEqual(niceTicks(0, 2.3, 5), [0, 0.5, 1, 1.5, 2]);
  assert.deepEqual(niceTicks(0, 100, 5), [0, 20, 40, 60, 80, 100]);
  assert.equal(niceBound(2.3, 5), 2.5);
  assert.equal(niceBound(100, 5), 100);
  assert.equal(niceBound(0, 5), 1);
  assert.equal(tickLabel(0.30000000000000004, 0.1), "0.3");
  assert.equal(tickLabel(20, 20), "20");
  assert.equal(tickLabel(0.25, 0.05), "0.25");
});
