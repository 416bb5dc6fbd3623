// Calls of tools and structured answers, through the clients' own ways of
// putting them together.
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";
import { model, url } from "./servers.js";
import { recordingFetch } from "./samples.js";

const client = () => new OpenAI({
  apiKey: "none", baseURL: `${url}/v1`, fetch: recordingFetch, maxRetries: 0,
});
const parameters = {
  type: "object",
  properties: { animal: { enum: ["cat", "dog"] },
    count: { type: "integer", minimum: 1, maximum: 9 } },
  required: ["animal", "count"],
  additionalProperties: false,
};
const named = { name: "feed", description: "Feeds animals.", parameters };
const messages = [{ role: "user", content: "The cat is hungry." }];
const asked = { model, messages, max_tokens: 400, temperature: 0,
  tools: [{ type: "function", function: named }], tool_choice: "required",
  parallel_tool_calls: false };

function check(input) {
  assert.ok(["cat", "dog"].includes(input.animal), JSON.stringify(input));
  assert.ok(Number.isInteger(input.count) && input.count > 0);
  assert.deepEqual(Object.keys(input), ["animal", "count"]);
}

test("openai: a call and its result, whole and streamed", async () => {
  const whole = await client().chat.completions.create(asked);
  const [choice] = whole.choices;
  assert.equal(choice.finish_reason, "tool_calls");
  assert.equal(choice.message.content, null);
  const [call] = choice.message.tool_calls;
  assert.equal(call.function.name, "feed");
  check(JSON.parse(call.function.arguments));
  const helper = client().chat.completions.stream(asked);
  const final = await helper.finalChatCompletion();
  assert.equal(final.choices[0].finish_reason, "tool_calls");
  assert.deepEqual(final.choices[0].message.tool_calls[0].function.arguments,
    call.function.arguments);
  const answer = await client().chat.completions.create({ ...asked,
    max_tokens: 8, tool_choice: "none",
    messages: [...messages, choice.message,
      { role: "tool", tool_call_id: call.id, content: "It has eaten." }] });
  assert.equal(answer.choices[0].message.tool_calls, undefined);
  assert.ok(answer.choices[0].message.content.length > 0);
});

test("openai: structured answers", async () => {
  const { tools, tool_choice, parallel_tool_calls, ...plain } = asked;
  const body = { ...plain, response_format: { type: "json_schema",
    json_schema: { name: "feed", schema: parameters, strict: true } } };
  const parsed = await client().chat.completions.parse(body);
  check(parsed.choices[0].message.parsed);
  const response = await client().responses.parse({ model,
    input: "The cat is hungry.", max_output_tokens: 400, temperature: 0,
    text: { format: { type: "json_schema", name: "feed", schema: parameters,
      strict: true } } });
  check(response.output_parsed);
});

test("openai: calls of responses, and what they returned", async () => {
  const body = { model, input: "The cat is hungry.", max_output_tokens: 400,
    temperature: 0, tools: [{ type: "function", strict: true, ...named }],
    tool_choice: { type: "function", name: "feed" } };
  const whole = await client().responses.create(body);
  const [call] = whole.output;
  assert.equal(call.type, "function_call");
  check(JSON.parse(call.arguments));
  const final = await client().responses.stream(body).finalResponse();
  assert.equal(final.output[0].arguments, call.arguments);
  const answer = await client().responses.create({ ...body,
    max_output_tokens: 16, tool_choice: "none",
    input: [{ role: "user", content: body.input }, call,
      { type: "function_call_output", call_id: call.call_id,
        output: "It has eaten." }] });
  assert.ok(answer.output_text.length > 0);
});

test("ai: tools are executed, and their results read", async () => {
  const provider = createOpenAICompatible({ name: "pilotfish",
    baseURL: `${url}/v1`, apiKey: "none", fetch: recordingFetch });
  const fed = [];
  const request = () => ({
    model: provider(model), prompt: "The cat is hungry.", temperature: 0,
    maxOutputTokens: 400, maxRetries: 0, stopWhen: stepCountIs(2),
    prepareStep: ({ stepNumber }) => ({
      toolChoice: stepNumber === 0 ? "required" : "none" }),
    providerOptions: { pilotfish: { parallel_tool_calls: false } },
    tools: { feed: tool({ description: named.description,
      inputSchema: jsonSchema(parameters),
      execute: async (input) => {
        fed.push(input);
        return "It has eaten.";
      } }) },
  });
  const whole = await generateText(request());
  assert.equal(whole.steps.length, 2);
  assert.equal(whole.steps[0].finishReason, "tool-calls");
  assert.ok(whole.text.length > 0);
  const stream = streamText(request());
  let text = "";
  for await (const part of stream.textStream) text += part;
  assert.equal(text, whole.text);
  assert.equal(fed.length, 2);
  for (const input of fed) check(input);
});

test("anthropic: a call and its result, whole and streamed", async () => {
  const anthropic = new Anthropic(
    { apiKey: "none", baseURL: url, maxRetries: 0 });
  const body = { model, messages, max_tokens: 400, temperature: 0,
    tools: [{ name: "feed", input_schema: parameters }],
    tool_choice: { type: "tool", name: "feed" } };
  const whole = await anthropic.messages.create(body);
  assert.equal(whole.stop_reason, "tool_use");
  const [block] = whole.content;
  check(block.input);
  const final = await anthropic.messages.stream(body).finalMessage();
  assert.equal(final.stop_reason, "tool_use");
  assert.deepEqual(final.content[0].input, block.input);
  const answer = await anthropic.messages.create({ ...body, max_tokens: 8,
    tool_choice: { type: "none" },
    messages: [...messages, { role: "assistant", content: whole.content },
      { role: "user", content: [{ type: "tool_result", tool_use_id: block.id,
        content: "It has eaten." }] }] });
  assert.equal(answer.content[0].type, "text");
});
