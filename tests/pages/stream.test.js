// What the server's page makes of streams, requests and metrics; no browser is
// needed.
import assert from "node:assert/strict";
import { test } from "node:test";

import { eventsOf } from "../../src/web/serve/events.js";
import {
  Generation, clockOf, statsOf,
} from "../../src/web/serve/generation.js";
import { figuresOf, samplesOf } from "../../src/web/serve/metrics.js";
import { bodyOf, curlOf, pathOf } from "../../src/web/serve/request.js";
import {
  mayDiffer, speedText, verdictOf,
} from "../../src/web/serve/verdict.js";
import { execFileSync } from "node:child_process";

// A body that comes in parts of `size` bytes.
function bodyInParts(text, size) {
  const bytes = new TextEncoder().encode(text);
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) {
        controller.enqueue(bytes.subarray(at, at + size));
      }
      controller.close();
    },
  });
}

async function eventsIn(text, size) {
  const events = [];
  for await (const event of eventsOf(bodyInParts(text, size))) {
    events.push(event);
  }
  return events;
}

test("events are the same in whatever parts they come", async () => {
  const text = ": ping\n\ndata: {\"a\":\"é👩‍👩‍👧\"}\n\nevent: error\r\ndata:1\r\n" +
    "data: 2\r\n\r\ndata\n\rid: 7\rdata:  x\r\rdata: cut off";
  const expected = [
    { event: "", data: "{\"a\":\"é👩‍👩‍👧\"}" }, { event: "error", data: "1\n2" },
    { event: "", data: "" }, { event: "", data: " x" },
  ];
  for (const size of [1, 2, 3, 5, 7, 1000]) {
    assert.deepEqual(await eventsIn(text, size), expected, `parts of ${size}`);
  }
});

const token = (text, origin = "accepted", id = 1) => ({ id, text, origin });
const chunk = (text, tokens, pass) =>
  ({ choices: [{ index: 0, text, tokens }], pass });

test("a chunk becomes the pieces of its tokens", () => {
  const generation = new Generation(0);
  const pieces = generation.add({
    choices: [{
      delta: { content: "ab c" },
      tokens: [{ id: 5, text: "ab", origin: "accepted", p: 0.5, q: 0.25 },
        { id: 6, text: " c", origin: "recovered", p: 0.125 }],
    }],
    pass: { drafted: 3, accepted: 1, emitted: 2, draft_ms: 1, verify_ms: 2 },
  }, 10);
  assert.deepEqual(pieces.map(({ text, token: { origin, p, q, pass } }) =>
    [text, origin, p, q, pass]),
  [["ab", "a", 0.5, 0.25, 0], [" c", "r", 0.125, undefined, 0]]);
  assert.deepEqual(generation.ids(), [5, 6]);
  assert.deepEqual(generation.passes, [{
    drafted: 3, places: 3, accepted: 1, emitted: 2, draftMs: 1, verifyMs: 2,
    own: "r",
  }]);
});

// Pieces as they stand in the end: "ab|(cd)" is a token and text without one.
function shownOf(chunks) {
  const generation = new Generation(0);
  const shown = [];
  for (const one of chunks) {
    while (shown.at(-1)?.pending) shown.pop();
    shown.push(...generation.add(one, 0));
  }
  const text = shown.map((piece) => piece.text).join("");
  assert.equal(text, generation.reasoning + generation.text, "nothing is lost");
  return shown.map(({ text: of, token: known }) => (known ? of : `(${of})`))
    .join("|");
}

test("text beside the tokens' own is never lost", () => {
  assert.equal(shownOf([chunk("abcd", [token("ab")])]), "ab|(cd)");
  assert.equal(shownOf([chunk("xy", [token("ab")])]), "(xy)");
  assert.equal(shownOf([chunk("", [token("")])]), "");
  assert.equal(shownOf([chunk("ab"), chunk("cd")]), "(ab)|(cd)");
});

test("tokens may come after their text", () => {
  assert.equal(shownOf([chunk("ab", []), chunk("", [token("ab")])]), "ab");
  assert.equal(shownOf([chunk("ab", []), chunk("c", []),
    chunk("d", [token("ab"), token("cd")]), chunk("e", [])]), "ab|cd|(e)");
  // The end of a text that was held back belongs to an earlier token.
  assert.equal(shownOf([chunk("a", [token("a")]), chunk("\ufffdb",
    [token("b")])]), "a|(\ufffd)|b");
});

test("a chunk of thoughts and words is both", () => {
  const delta = (reasoning, content, tokens) => ({ choices: [{
    delta: { reasoning_content: reasoning, content }, tokens }] });
  assert.equal(shownOf([delta("ab", "cd",
    [token("a"), token("bc"), token("d")])]), "a|b|c|d");
  // What marks thoughts is among the tokens, and not in the text.
  assert.equal(shownOf([
    delta("", "", [token("<think>")]),
    delta("ab", "", [token("ab")]),
    delta("", "cd", [token("</"), token("think>"), token("cd")]),
  ]), "ab|cd");
});

test("a chunk may have several passes", () => {
  const generation = new Generation(0);
  generation.add({
    choices: [{ text: "abcd", tokens: [token("a"), token("b", "bonus"),
      token("c", "recovered"), token("d")] }],
    pass: [{ drafted: 1, accepted: 1, emitted: 2 },
      { drafted: 2, accepted: 0, emitted: 1 }, { drafted: 4 }],
  }, 0);
  assert.deepEqual(generation.passes.map(
    ({ drafted, accepted, emitted, own }) => [drafted, accepted, emitted, own]),
  [[1, 1, 2, "b"], [2, 0, 1, "r"], [4, 1, 1, ""]]);
  assert.deepEqual(generation.tokens.map(({ pass }) => pass), [0, 0, 1, 2]);
});

test("figures leave out the pass that reads the prompt", () => {
  const generation = new Generation(100);
  const add = (count, drafted, accepted, now, places) => generation.add(
    chunk("", Array.from({ length: count }, () => token("")),
      { drafted, accepted, emitted: count, places }), now);
  add(1, 0, 0, 200);
  add(3, 3, 2, 300);
  add(4, 3, 3, 400);
  add(1, 6, 0, 600, 2); // a tree
  generation.end(700);
  const stats = statsOf(generation);
  assert.equal(stats.tokens, 9);
  assert.equal(stats.tokensPerPass, 8 / 3);
  assert.equal(stats.acceptance, 5 / 12);
  assert.deepEqual(stats.byPlace, [{ offered: 3, accepted: 2 },
    { offered: 3, accepted: 2 }, { offered: 2, accepted: 1 }]);
  assert.deepEqual(clockOf(generation, 1e9),
    { elapsed: 600, first: 100, speed: 16 });
});

test("a text without tokens or passes has figures too", () => {
  const generation = new Generation(0);
  assert.deepEqual(statsOf(generation), { tokens: 0, passes: 0,
    tokensPerPass: null, acceptance: null, byPlace: [] });
  generation.add({ choices: [{ text: "x" }] }, 5);
  generation.add({ choices: [], usage: { completion_tokens: 1 } }, 6);
  assert.equal(generation.text, "x");
  assert.equal(generation.usage.completion_tokens, 1);
  assert.equal(clockOf(generation, 9).speed, null);
});

const settings = {
  prompt: "Once", messages: null, window: "auto", drafter: "", acceptor: null,
  temperature: 0, seed: 7, maxTokens: 16, topP: null, topK: null, minP: null,
  stop: null,
};

test("a request says what was chosen, and nothing else", () => {
  assert.deepEqual(bodyOf(settings, "m"), {
    model: "m", prompt: "Once", stream: true,
    stream_options: { include_usage: true }, return_tokens: true,
    speculative: { window: "auto" }, temperature: 0, seed: 7, max_tokens: 16,
  });
  const chat = { ...settings, messages: [{ role: "user", content: "x" }],
    window: 4, drafter: "suffix,model", acceptor: "coupled", topK: 0 };
  const body = bodyOf(chat, null);
  assert.equal(pathOf(chat), "v1/chat/completions");
  assert.deepEqual(body.speculative, { window: 4, drafter: "suffix,model" });
  assert.equal(body.acceptor, "coupled");
  assert.equal(body.top_k, 0);
  assert.ok(!("prompt" in body) && !("model" in body));
  for (const plain of [{ window: 1 }, { drafter: "none" }]) {
    assert.equal(bodyOf({ ...settings, ...plain }, "m").speculative, false);
  }
});

test("a command holds its request in any shell", () => {
  const prompt = "it's $HOME `id` \"x\" \\ !\n; rm é";
  const command = curlOf("http://127.0.0.1/v1/completions",
    bodyOf({ ...settings, prompt }, "m"), false);
  const said = execFileSync("sh",
    ["-c", `curl() { for last; do :; done; printf %s "$last"; }\n${command}`],
    { encoding: "utf8" });
  assert.equal(JSON.parse(said).prompt, prompt);
});

test("metrics are read by any of their names", () => {
  const text = "# HELP x y\nvllm:num_requests_running{m=\"a\\\"} 9\"} 2\n" +
    "llamacpp:requests_processing 5\nllamacpp:requests_deferred 3\n" +
    "pilotfish_kv_cache_usage_perc 0.5\n" +
    "vllm:spec_decode_num_draft_tokens_total 10\n" +
    "vllm:spec_decode_num_draft_tokens_total{drafter=\"model\"} 10\nbroken\n" +
    "vllm:generation_tokens_total{a=\"1\"} 1e2 1700000000\n" +
    "vllm:generation_tokens_total{a=\"2\"} 1\n";
  assert.equal(samplesOf(text)[0].labels.m, "a\\\"} 9");
  const figures = figuresOf(text);
  assert.equal(figures.running, 2);
  assert.equal(figures.waiting, 3);
  assert.equal(figures.kvUse, 0.5);
  assert.equal(figures.drafted, 10);
  assert.equal(figures.generated, 101);
  assert.equal(figures.accepted, null);
});

function generated(text, ids) {
  const generation = new Generation(0);
  generation.add(chunk(text, ids.map((id) => token("", "bonus", id))), 1);
  return generation;
}

test("a race knows whether texts had to be the same", () => {
  const block = { name: "block", lossless: true };
  const coupled = { name: "coupled", lossless: true };
  const typical = { name: "typical", lossless: false };
  assert.equal(mayDiffer({ temperature: 0 }, block), false);
  assert.equal(mayDiffer({ temperature: 1 }, block), true);
  assert.equal(mayDiffer({ temperature: 1 }, coupled), false);
  assert.equal(mayDiffer({ temperature: 0 }, typical), true);
  assert.equal(mayDiffer({ temperature: 0 }, null), null);
  assert.equal(mayDiffer({ temperature: null }, block), null);

  const kindOf = (a, b, temperature, acceptor) =>
    verdictOf(a, b, { temperature }, acceptor);
  const [one, other] = [generated("abc", [1, 2]), generated("abd", [1, 3])];
  assert.equal(kindOf(one, generated("abc", [1, 2]), 0, block).kind, "same");
  assert.equal(kindOf(one, other, 0, block).kind, "fault");
  assert.match(kindOf(one, other, 0, block).text, /differ after 2 char/);
  assert.equal(kindOf(one, other, 1, block).kind, "different");
  assert.equal(kindOf(one, other, 0, null).kind, "different");
  assert.match(kindOf(one, other, 0, typical).text, /typical is lossy/);
  // The same text can be spelled by other tokens.
  assert.equal(kindOf(one, generated("abc", [1, 9]), 0, block).kind, "fault");
  assert.equal(speedText(300, 150), "Speculation was 2.00 times as fast.");
  assert.equal(speedText(150, 300), "Plain decoding was 2.00 times as fast.");
});
