// npm's `openai` as Ollama's documentation uses it: a base with a slash at its
// end, and a key that nobody asks for.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { model, url } from "./servers.js";
import { recordingFetch } from "./samples.js";

test("openai, as Ollama's documentation uses it", async () => {
  const openai = new OpenAI({
    baseURL: `${url}/v1/`, apiKey: "ollama", fetch: recordingFetch,
  });
  const chat = await openai.chat.completions.create({
    messages: [{ role: "user", content: "Say this is a test" }],
    model, max_tokens: 16,
  });
  assert.ok(chat.choices[0].message.content);
  const completion = await openai.completions.create(
    { model, prompt: "Say this is a test.", max_tokens: 16 });
  assert.ok(completion.choices[0].text);
  const list = await openai.models.list();
  assert.equal(list.data[0].id, model);
  assert.equal((await openai.models.retrieve(model)).id, model);
  const response = await openai.responses.create(
    { model, input: "Write a short poem", max_output_tokens: 16 });
  assert.ok(response.output_text);
});
