// npm's `openai`: the responses route.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { model, untilIdle, url } from "./servers.js";
import { recordingFetch } from "./samples.js";

const client = () => new OpenAI({
  apiKey: "none", baseURL: `${url}/v1`, fetch: recordingFetch, maxRetries: 0,
});
const asked = { model, input: "A story, please.", max_output_tokens: 24 };

test("openai: responses, whole and streamed", async () => {
  const whole = await client().responses.create(asked);
  assert.equal(whole.status, "incomplete");
  assert.equal(whole.incomplete_details.reason, "max_output_tokens");
  assert.equal(whole.usage.output_tokens, 24);
  const chat = await client().chat.completions.create({ model, max_tokens: 24,
    messages: [{ role: "user", content: asked.input }] });
  assert.equal(whole.output_text, chat.choices[0].message.content);

  const types = [];
  let text = "";
  let last = -1;
  const events = await client().responses.create({ ...asked, stream: true });
  for await (const event of events) {
    types.push(event.type);
    assert.equal(event.sequence_number, ++last);
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  assert.equal(text, whole.output_text);
  assert.deepEqual(types.slice(0, 4), ["response.created",
    "response.in_progress", "response.output_item.added",
    "response.content_part.added"]);
  assert.deepEqual(types.slice(-4), ["response.output_text.done",
    "response.content_part.done", "response.output_item.done",
    "response.incomplete"]);
  // The client's own way of putting events together.
  const helper = client().responses.stream(asked);
  const final = await helper.finalResponse();
  assert.equal(final.output_text, text);
  assert.equal(final.usage.output_tokens, 24);
});

test("openai: responses of a conversation, with log-probabilities", async () => {
  const body = { ...asked, instructions: "Be brief.", temperature: 0,
    include: ["message.output_text.logprobs"], top_logprobs: 2,
    input: [{ role: "user", content: "Hi" },
      { role: "assistant", content: [{ type: "output_text", text: "Hello." }] },
      { role: "user", content: [{ type: "input_text", text: "A story!" }] }],
    tools: [{ type: "web_search" }] };
  const whole = await client().responses.create(body);
  const [part] = whole.output[0].content;
  assert.equal(part.logprobs.length, 24);
  assert.equal(part.logprobs[0].top_logprobs.length, 2);
  const scores = [];
  const events = await client().responses.create({ ...body, stream: true });
  for await (const event of events) {
    if (event.type === "response.output_text.delta") {
      scores.push(...event.logprobs);
    }
    if (event.type === "response.incomplete") {
      assert.deepEqual(event.response.output[0].content, [part]);
    }
  }
  assert.deepEqual(scores, part.logprobs.slice(0, scores.length));
});

test("openai: responses have no memory, and say so", async () => {
  for (const [more, param] of [
    [{ previous_response_id: "resp_1" }, "previous_response_id"],
    [{ conversation: "conv_1" }, "conversation"],
    [{ background: true }, "background"],
    [{ tools: [{ type: "function", name: "f g", parameters: {} }] },
      "tools[0].name"],
    [{ text: { format: { type: "json_schema", name: "a" } } },
      "text.format.schema"],
    [{ max_output_tokens: 0 }, "max_output_tokens"],
    [{ input: [] }, "input"]]) {
    await assert.rejects(client().responses.create({ ...asked, ...more }),
      (error) => error instanceof OpenAI.BadRequestError &&
        error.param === param);
  }
});

test("openai: a response that is broken off frees its place", async () => {
  const events = await client().responses.create({ ...asked, stream: true,
    max_output_tokens: -1, ignore_eos: true });
  for await (const event of events) {
    if (event.type === "response.output_text.delta") break;
  }
  await untilIdle();
});
