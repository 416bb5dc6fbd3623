// npm's `openai`: chat and completions.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { cutOff, model, untilIdle, url } from "./servers.js";
import { recordingFetch } from "./samples.js";

const client = () => new OpenAI({
  apiKey: "none", baseURL: `${url}/v1`, fetch: recordingFetch, maxRetries: 0,
});
const messages = [{ role: "user", content: "A story, please." }];
const asked = { model, messages, max_tokens: 24 };

async function chunksOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}
const contentOf = (chunks, index = 0) => chunks.flatMap((c) => c.choices)
  .filter((choice) => choice.index === index)
  .map((choice) => choice.delta.content ?? "").join("");
const textOf = (chunks) => chunks.map((c) => c.choices[0]?.text ?? "").join("");

test("openai: models", async () => {
  const list = await client().models.list();
  assert.deepEqual(list.data.map((one) => one.id), [model]);
  const one = await client().models.retrieve(model);
  assert.equal(one.object, "model");
  assert.ok(one.meta.n_positions > 0);
});

test("openai: chat, whole and streamed", async () => {
  const whole = await client().chat.completions.create(asked);
  const [choice] = whole.choices;
  assert.equal(choice.message.role, "assistant");
  assert.equal(choice.finish_reason, "length");
  assert.ok(choice.message.content.length > 24);
  const chunks = await chunksOf(
    await client().chat.completions.create({ ...asked, stream: true }));
  assert.equal(chunks[0].choices[0].delta.role, "assistant");
  assert.equal(contentOf(chunks), choice.message.content);
  assert.deepEqual(chunks.map((c) => c.choices[0].finish_reason)
    .filter((reason) => reason !== null), ["length"]);
  // The client's own way of putting chunks together.
  const helper = client().chat.completions.stream(asked);
  const final = await helper.finalChatCompletion();
  assert.equal(final.choices[0].message.content, choice.message.content);
});

test("openai: usage, and in a stream only where it is asked for", async () => {
  const { usage } = await client().chat.completions.create(asked);
  assert.equal(usage.completion_tokens, 24);
  assert.equal(usage.total_tokens, usage.prompt_tokens + 24);
  assert.ok(usage.prompt_tokens_details.cached_tokens <= usage.prompt_tokens);
  for (const [api, body] of [
    [client().chat.completions, asked],
    [client().completions, { model, prompt: "Once", max_tokens: 24 }]]) {
    const without = await chunksOf(await api.create({ ...body, stream: true }));
    assert.ok(without.every((c) => !c.usage && c.choices.length === 1));
    const chunks = await chunksOf(await api.create(
      { ...body, stream: true, stream_options: { include_usage: true } }));
    const last = chunks.pop();
    assert.deepEqual(last.choices, []);
    assert.equal(last.usage.completion_tokens, 24);
    assert.ok(chunks.every((c) => c.usage === null));
    assert.notEqual(chunks.at(-1).choices[0].finish_reason, null);
  }
});

test("openai: completions, whole and streamed", async () => {
  const prompt = "Lily had a red";
  const whole = await client().completions.create(
    { model, prompt, max_tokens: 16 });
  assert.equal(whole.object, "text_completion");
  assert.equal(whole.choices[0].finish_reason, "length");
  const chunks = await chunksOf(await client().completions.create(
    { model, prompt, max_tokens: 16, stream: true }));
  assert.equal(textOf(chunks), whole.choices[0].text);
  const echoed = await client().completions.create(
    { model, prompt, max_tokens: 16, echo: true });
  assert.equal(echoed.choices[0].text, prompt + whole.choices[0].text);
  const none = await client().completions.create(
    { model, prompt, max_tokens: 0, echo: true });
  assert.equal(none.choices[0].text, prompt);
  assert.equal(none.usage.completion_tokens, 0);
});

test("openai: n, and several prompts", async () => {
  const body = { ...asked, n: 3, temperature: 1, seed: 5, reproducible: true };
  const whole = await client().chat.completions.create(body);
  assert.deepEqual(whole.choices.map((choice) => choice.index), [0, 1, 2]);
  const texts = whole.choices.map((choice) => choice.message.content);
  assert.equal(new Set(texts).size, 3);
  assert.equal(whole.usage.completion_tokens <= 72, true);
  const chunks = await chunksOf(
    await client().chat.completions.create({ ...body, stream: true }));
  assert.deepEqual([0, 1, 2].map((i) => contentOf(chunks, i)), texts);
  const two = await client().completions.create(
    { model, prompt: ["The dog", "The cat"], max_tokens: 4, echo: true });
  assert.deepEqual(two.choices.map((choice) => choice.text.slice(0, 7)),
    ["The dog", "The cat"]);
});

test("openai: a seed gives the same text beside other load", async () => {
  const body = { ...asked, max_tokens: 48, temperature: 1, reproducible: true };
  const text = async (seed) => {
    const chat = await client().chat.completions.create({ ...body, seed });
    return chat.choices[0].message.content;
  };
  const alone = await text(11);
  assert.notEqual(await text(12), alone);
  const beside = await Promise.all(
    [1, 11, 2, 11, 3, 11, 4, 5].map((seed) => text(seed)));
  for (const i of [1, 3, 5]) assert.equal(beside[i], alone);
  const again = await client().chat.completions.create({ ...body, seed: 11 });
  const once = await client().chat.completions.create({ ...body, seed: 11 });
  assert.equal(again.system_fingerprint, once.system_fingerprint);
});

test("openai: stop, as a string and as an array", async () => {
  const whole = await client().chat.completions.create(
    { ...asked, max_tokens: 48 });
  const text = whole.choices[0].message.content;
  // Begins and ends inside of words.
  const stop = text.slice(50, 56);
  const before = text.slice(0, text.indexOf(stop));
  for (const stops of [stop, ["not in there", stop]]) {
    for (const window of [1, 4, "auto"]) {
      const body = { ...asked, max_tokens: 48, stop: stops,
        speculative: { window } };
      const cut = await client().chat.completions.create(body);
      assert.equal(cut.choices[0].message.content, before);
      assert.equal(cut.choices[0].finish_reason, "stop");
      const chunks = await chunksOf(
        await client().chat.completions.create({ ...body, stream: true }));
      assert.equal(contentOf(chunks), before);
      assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
    }
  }
});

test("openai: a prediction changes no text, and is counted", async () => {
  const body = { ...asked, max_tokens: 48, speculative: { window: 5 } };
  const plain = await client().chat.completions.create(body);
  const text = plain.choices[0].message.content;
  const counts = plain.usage.completion_tokens_details;
  assert.equal(counts.accepted_prediction_tokens, 0);
  assert.equal(counts.rejected_prediction_tokens, 0);
  for (const content of [text, [{ type: "text", text }]]) {
    const predicted = await client().chat.completions.create(
      { ...body, prediction: { type: "content", content } });
    assert.equal(predicted.choices[0].message.content, text);
    const { accepted_prediction_tokens: accepted } =
      predicted.usage.completion_tokens_details;
    assert.ok(accepted > 10 && accepted < 48, `${accepted}`);
  }
});

test("openai: a stream that is broken off frees its place", async () => {
  const endless = { ...asked, max_tokens: -1, ignore_eos: true, stream: true };
  const before = await cutOff();
  // As many as there are places, and one that waits for a place.
  const streams = await Promise.all([1, 2, 3, 4, 5].map(async () => {
    const stream = await client().chat.completions.create(endless);
    for await (const chunk of stream) {
      assert.equal(chunk.choices.length, 1);
      break; // which aborts it
    }
    return stream;
  }));
  assert.ok(streams.every((stream) => stream.controller.signal.aborted));
  await untilIdle();
  assert.equal(await cutOff(), before + 5);
  // A request that waits for its whole answer.
  const controller = new AbortController();
  const whole = client().chat.completions.create(
    { ...endless, stream: false }, { signal: controller.signal });
  const beside = await client().chat.completions.create(endless);
  for await (const chunk of beside) {
    if (chunk.choices[0].delta.content) break;
  }
  controller.abort();
  await assert.rejects(whole, OpenAI.APIUserAbortError);
  await untilIdle();
  const chat = await client().chat.completions.create(asked);
  assert.equal(chat.usage.completion_tokens, 24);
});
