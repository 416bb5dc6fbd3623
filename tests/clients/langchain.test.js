// npm's `@langchain/openai`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatOpenAI, OpenAI } from "@langchain/openai";
import { cutOff, key, lockedUrl, model, untilIdle, url } from "./servers.js";
import { recordingFetch } from "./samples.js";

const options = (more = {}, base = url, apiKey = "none") => ({
  model, apiKey, temperature: 0, maxTokens: 24, maxRetries: 0, ...more,
  configuration: { baseURL: `${base}/v1`, fetch: recordingFetch },
});
const chat = (...given) => new ChatOpenAI(options(...given));
const ask = "A story, please.";

test("langchain: chat, whole and streamed, with usage", async () => {
  for (const useResponsesApi of [false, true]) {
    const whole = await chat({ useResponsesApi }).invoke(ask);
    assert.equal(whole.usage_metadata.output_tokens, 24);
    assert.ok(whole.text.length > 24);
    let all;
    for await (const chunk of await chat({ useResponsesApi }).stream(ask)) {
      all = all ? all.concat(chunk) : chunk;
    }
    assert.equal(all.text, whole.text);
    assert.equal(all.usage_metadata.output_tokens, 24);
  }
});

test("langchain: a text goes on", async () => {
  const llm = new OpenAI(options());
  const text = await llm.invoke("Lily had a red");
  let streamed = "";
  for await (const part of await llm.stream("Lily had a red")) streamed += part;
  assert.equal(streamed, text);
});

test("langchain: log-probabilities, stop and seed", async () => {
  const whole = await chat({ logprobs: true, topLogprobs: 2 }).invoke(ask);
  const { content } = whole.response_metadata.logprobs;
  assert.equal(content.length, 24);
  assert.equal(content[0].top_logprobs.length, 2);
  const stop = whole.text.slice(20, 25);
  const cut = await chat({ stop: [stop] }).invoke(ask);
  assert.equal(cut.text, whole.text.slice(0, whole.text.indexOf(stop)));
  assert.equal(cut.response_metadata.finish_reason, "stop");
  const sampled = chat({ temperature: 1,
    modelKwargs: { seed: 4, reproducible: true } });
  const texts = await sampled.batch([ask, ask, ask, ask]);
  assert.equal(new Set(texts.map((one) => one.text)).size, 1);
});

test("langchain: a stream that is broken off frees its place", async () => {
  const before = await cutOff();
  const endless = chat({ maxTokens: undefined,
    modelKwargs: { ignore_eos: true, max_tokens: -1 } });
  const controller = new AbortController();
  await assert.rejects(async () => {
    const stream = await endless.stream(ask, { signal: controller.signal });
    for await (const chunk of stream) {
      if (chunk.text) controller.abort();
    }
  });
  await untilIdle();
  assert.equal(await cutOff(), before + 1);
});

test("langchain: refusals", async () => {
  const fails = (llm, status, words) => assert.rejects(llm.invoke(ask),
    (error) => error.status === status && words.test(error.message));
  await fails(chat({ temperature: -1 }), 400, /temperature/);
  await fails(chat({ model: "other" }), 404, /other/);
  await fails(chat({}, lockedUrl), 401, /key/);
  assert.ok((await chat({}, lockedUrl, key).invoke(ask)).text);
});
