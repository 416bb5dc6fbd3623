// npm's `ai` with `@ai-sdk/openai-compatible`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, streamText } from "ai";
import { cutOff, key, lockedUrl, model, untilIdle, url } from "./servers.js";
import { recordingFetch } from "./samples.js";

const provider = (base = url, apiKey = "none") => createOpenAICompatible({
  name: "pilotfish", baseURL: `${base}/v1`, apiKey, fetch: recordingFetch,
  includeUsage: true,
});
const asked = () => ({
  model: provider()(model), prompt: "A story, please.", maxOutputTokens: 24,
  temperature: 0, maxRetries: 0,
});

async function joined(stream) {
  let text = "";
  for await (const part of stream) text += part;
  return text;
}

test("ai: chat and completions, whole and streamed, with usage", async () => {
  for (const which of [provider()(model), provider().completionModel(model)]) {
    const whole = await generateText({ ...asked(), model: which });
    assert.equal(whole.finishReason, "length");
    assert.equal(whole.usage.outputTokens, 24);
    assert.ok(whole.usage.inputTokens > 0);
    const stream = streamText({ ...asked(), model: which });
    assert.equal(await joined(stream.textStream), whole.text);
    assert.equal(await stream.finishReason, "length");
    assert.equal((await stream.usage).outputTokens, 24);
  }
});

test("ai: seed and stop", async () => {
  const sampled = { ...asked(), temperature: 1, seed: 7,
    providerOptions: { pilotfish: { reproducible: true } } };
  const texts = await Promise.all([1, 2, 3].map(async () => (
    await generateText(sampled)).text));
  assert.equal(new Set(texts).size, 1);
  assert.notEqual((await generateText({ ...sampled, seed: 8 })).text, texts[0]);
  const { text } = await generateText(asked());
  const stop = text.slice(20, 25);
  const cut = await generateText({ ...asked(), stopSequences: [stop] });
  assert.equal(cut.text, text.slice(0, text.indexOf(stop)));
  assert.equal(cut.finishReason, "stop");
});

test("ai: a stream that is broken off frees its place", async () => {
  const before = await cutOff();
  const controller = new AbortController();
  const stream = streamText({ ...asked(), maxOutputTokens: undefined,
    abortSignal: controller.signal,
    providerOptions: { pilotfish: { ignore_eos: true, max_tokens: -1 } } });
  for await (const part of stream.fullStream) {
    if (part.type === "text-delta") controller.abort();
  }
  await untilIdle();
  assert.equal(await cutOff(), before + 1);
});

test("ai: refusals", async () => {
  const fails = (more, status, words) => assert.rejects(
    generateText({ ...asked(), ...more }), (error) => {
      assert.ok(APICallError.isInstance(error), error);
      assert.equal(error.statusCode, status);
      assert.match(error.message, words);
      return true;
    });
  await fails({ temperature: -1 }, 400, /temperature/);
  await fails({ model: provider()("other") }, 404, /other/);
  await fails({ model: provider(lockedUrl)(model) }, 401, /key/);
  const whole = await generateText(
    { ...asked(), model: provider(lockedUrl, key)(model) });
  assert.equal(whole.usage.outputTokens, 24);
});
