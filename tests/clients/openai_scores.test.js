// npm's `openai`: log-probabilities in both of OpenAI's shapes, and of a prompt,
// as programs that evaluate models ask for them.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { model, url } from "./servers.js";
import { recordingFetch } from "./samples.js";

const client = () => new OpenAI({
  apiKey: "none", baseURL: `${url}/v1`, fetch: recordingFetch, maxRetries: 0,
});
const prompt = "Once upon a time there was a";

async function chunksOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

test("openai: log-probabilities of chat", async () => {
  const body = { model, max_tokens: 20, logprobs: true, top_logprobs: 3,
    messages: [{ role: "user", content: "A story, please." }] };
  const whole = await client().chat.completions.create(body);
  const { content } = whole.choices[0].logprobs;
  assert.equal(content.length, 20);
  const bytes = content.flatMap((token) => token.bytes);
  assert.equal(Buffer.from(bytes).toString().trimStart(),
    whole.choices[0].message.content.trimStart());
  for (const token of content) {
    assert.ok(token.logprob < 0 && token.logprob > -20);
    assert.equal(token.top_logprobs.length, 3);
    // The most probable one was taken, as temperature is 0.
    assert.equal(token.top_logprobs[0].token, token.token);
    assert.equal(token.top_logprobs[0].logprob, token.logprob);
  }
  const chunks = await chunksOf(
    await client().chat.completions.create({ ...body, stream: true }));
  assert.deepEqual(
    chunks.flatMap((c) => c.choices[0].logprobs?.content ?? []), content);
  // They do not depend on what was drafted.
  const plain = await client().chat.completions.create(
    { ...body, speculative: false });
  assert.deepEqual(plain.choices[0].logprobs.content, content);
  assert.ok(whole.timings.draft_n > 0);
});

test("openai: log-probabilities of completions", async () => {
  const body = { model, prompt, max_tokens: 20, logprobs: 2 };
  const whole = await client().completions.create(body);
  const { text, logprobs } = whole.choices[0];
  assert.equal(logprobs.tokens.join(""), text);
  assert.equal(logprobs.token_logprobs.length, 20);
  logprobs.tokens.forEach((token, i) => {
    assert.equal(text.slice(logprobs.text_offset[i]).startsWith(token), true);
    assert.equal(logprobs.top_logprobs[i][token], logprobs.token_logprobs[i]);
  });
  const chunks = await chunksOf(
    await client().completions.create({ ...body, stream: true }));
  for (const name of Object.keys(logprobs)) {
    assert.deepEqual(chunks.flatMap((c) => c.choices[0].logprobs[name]),
      logprobs[name]);
  }
});

test("openai: a text is scored as it was generated", async () => {
  const generated = await client().completions.create(
    { model, prompt, max_tokens: 12, logprobs: 1, return_tokens: true });
  const [said] = generated.choices;
  const { tokens } = await (await fetch(`${url}/tokenize`, {
    method: "POST",
    body: JSON.stringify({ content: prompt, add_special: true }),
    headers: { "content-type": "application/json" },
  })).json();
  const all = [...tokens, ...said.tokens.map((token) => token.id)];
  for (const body of [{ max_tokens: 0 }, { max_tokens: 1 },
    { max_tokens: 1, stream: true }, { max_tokens: 4, n: 2 }]) {
    const asked = { model, prompt: all, echo: true, logprobs: 1, ...body };
    const answers = body.stream
      ? await chunksOf(await client().completions.create(asked))
      : [await client().completions.create(asked)];
    const parts = answers.flatMap((answer) => answer.choices)
      .filter((choice) => choice.index === 0);
    const join = (name) => parts.flatMap((part) => part.logprobs[name]);
    const scores = join("token_logprobs");
    assert.equal(scores.length, all.length + body.max_tokens);
    assert.equal(scores[0], null);
    assert.equal(join("top_logprobs")[0], null);
    // Bit for bit what was said when they were generated.
    assert.deepEqual(scores.slice(tokens.length, all.length),
      said.logprobs.token_logprobs);
    assert.deepEqual(join("tokens").slice(tokens.length, all.length),
      said.logprobs.tokens);
    const text = parts.map((part) => part.text).join("");
    assert.ok(text.startsWith(prompt + said.text));
    // As lm-eval-harness finds out whether a continuation is the greedy one.
    for (let i = tokens.length; i < all.length; ++i) {
      assert.equal(Math.max(...Object.values(join("top_logprobs")[i])),
        scores[i]);
      assert.equal(join("text_offset")[i], prompt.length +
        said.logprobs.text_offset[i - tokens.length]);
    }
  }
});
