// npm's `@anthropic-ai/sdk`.
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { cutOff, key, lockedUrl, model, untilIdle, url } from "./servers.js";

const client = (base = url, apiKey = "none") => new Anthropic(
  { apiKey, baseURL: base, maxRetries: 0 });
const messages = [{ role: "user", content: "A story, please." }];
const asked = { model, messages, max_tokens: 24 };

test("anthropic: messages, whole and streamed", async () => {
  const whole = await client().messages.create(asked);
  assert.equal(whole.role, "assistant");
  assert.equal(whole.stop_reason, "max_tokens");
  assert.equal(whole.usage.output_tokens, 24);
  const [{ text }] = whole.content;
  assert.ok(text.length > 24);
  const types = [];
  let streamed = "";
  let usage;
  for await (const event of await client().messages.create(
    { ...asked, stream: true })) {
    types.push(event.type);
    if (event.type === "content_block_delta") streamed += event.delta.text;
    if (event.type === "message_delta") usage = event.usage;
  }
  assert.equal(streamed, text);
  assert.equal(usage.output_tokens, 24);
  assert.deepEqual(types.slice(0, 2), ["message_start", "content_block_start"]);
  assert.deepEqual(types.slice(-3),
    ["content_block_stop", "message_delta", "message_stop"]);
  const final = await client().messages.stream(asked).finalMessage();
  assert.deepEqual(final.content.map((block) => block.text), [text]);
  assert.equal(final.usage.output_tokens, 24);
  assert.equal(final.stop_reason, "max_tokens");
});

test("anthropic: tokens are counted as they are read", async () => {
  const more = { system: [{ type: "text", text: "Be brief.",
    cache_control: { type: "ephemeral" } }] };
  const count = await client().messages.countTokens({ model, messages, ...more });
  const { usage } = await client().messages.create({ ...asked, ...more });
  assert.equal(count.input_tokens,
    usage.input_tokens + usage.cache_read_input_tokens);
});

test("anthropic: stop sequences", async () => {
  const { content } = await client().messages.create(
    { ...asked, max_tokens: 48 });
  const stop = content[0].text.slice(50, 56);
  const body = { ...asked, max_tokens: 48, stop_sequences: ["unheard", stop] };
  for (const message of [await client().messages.create(body),
    await client().messages.stream(body).finalMessage()]) {
    assert.equal(message.stop_reason, "stop_sequence");
    assert.equal(message.stop_sequence, stop);
    assert.equal(message.content[0].text,
      content[0].text.slice(0, content[0].text.indexOf(stop)));
  }
});

test("anthropic: a seed gives the same text", async () => {
  const body = { ...asked, temperature: 1, seed: 3, reproducible: true };
  const texts = await Promise.all([1, 2, 3, 4].map(async () => (
    await client().messages.create(body)).content[0].text));
  assert.equal(new Set(texts).size, 1);
});

test("anthropic: a stream that is broken off frees its place", async () => {
  const before = await cutOff();
  const stream = client().messages.stream(
    { ...asked, max_tokens: 100000, ignore_eos: true });
  for await (const event of stream) {
    if (event.type === "content_block_delta") break;
  }
  stream.abort();
  await untilIdle();
  assert.equal(await cutOff(), before + 1);
});

test("anthropic: refusals", async () => {
  for (const more of [{ max_tokens: 0 }, { max_tokens: undefined },
    { temperature: -1 }, { messages: [] }, { stop_sequences: [""] },
    { tools: [{ name: "f g", input_schema: { type: "object" } }] }]) {
    await assert.rejects(client().messages.create({ ...asked, ...more }),
      (error) => {
        assert.ok(error instanceof Anthropic.BadRequestError);
        assert.equal(error.error.type, "error");
        assert.equal(error.error.error.type, "invalid_request_error");
        assert.ok(error.error.error.param.startsWith(Object.keys(more)[0]));
        return true;
      });
  }
  await assert.rejects(client().messages.create({ ...asked, model: "claude-9" }),
    Anthropic.NotFoundError);
  await assert.rejects(client(lockedUrl, "wrong").messages.create(asked),
    Anthropic.AuthenticationError);
  assert.ok((await client(lockedUrl, key).messages.create(
    { ...asked, max_tokens: 1 })).id.startsWith("msg_"));
});
