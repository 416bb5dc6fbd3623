// npm's `openai`: what it makes of refusals.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { key, lockedUrl, model, url } from "./servers.js";
import { recordingFetch } from "./samples.js";

const client = (base = url, apiKey = "none") => new OpenAI({
  apiKey, baseURL: `${base}/v1`, fetch: recordingFetch, maxRetries: 0,
});
const messages = [{ role: "user", content: "Hi" }];
const chat = (more) => client().chat.completions.create(
  { model, messages, max_tokens: 4, ...more });

test("openai: a bad value is a 400 that names its field", async () => {
  for (const [more, param] of [
    [{ temperature: -1 }, "temperature"],
    [{ top_p: 2 }, "top_p"],
    [{ max_tokens: "many" }, "max_tokens"],
    [{ max_completion_tokens: 0 }, "max_completion_tokens"],
    [{ stop: [""] }, "stop"],
    [{ n: 0 }, "n"],
    [{ seed: 1.5 }, "seed"],
    [{ top_logprobs: 3 }, "top_logprobs"],
    [{ logit_bias: { x: 1 } }, "logit_bias"],
    [{ messages: [] }, "messages"],
    [{ messages: [{ role: "king", content: "Hi" }] }, "messages[0].role"],
    [{ response_format: { type: "json_schema" } },
      "response_format.json_schema"],
    [{ response_format: { type: "json_schema",
      json_schema: { name: "a", schema: { type: "thing" } } } },
    "response_format.json_schema.schema"],
    [{ tools: [{ type: "function", function: { name: "f g" } }] },
      "tools[0].function.name"],
    [{ tools: [{ type: "function", function: { name: "f",
      parameters: { type: "object", properties: { a: { type: "thing" } } } } }] },
    "tools[0].function.parameters"],
    [{ tool_choice: "required" }, "tool_choice"],
    [{ prediction: { type: "guess" } }, "prediction.type"],
    [{ speculative: { drafter: "oracle" } }, "speculative.drafter"],
  ]) {
    for (const stream of [false, true]) {
      await assert.rejects(chat({ ...more, stream }), (error) => {
        assert.ok(error instanceof OpenAI.BadRequestError);
        assert.equal(error.status, 400);
        assert.equal(error.param, param);
        assert.equal(error.type, "invalid_request_error");
        assert.ok(error.message.includes(param.split(/[.[]/)[0]));
        return true;
      });
    }
  }
});

test("openai: parameters that leave no token are the request's fault", async () => {
  const { tokens: [the] } = await (await fetch(`${url}/tokenize`, {
    method: "POST",
    body: JSON.stringify({ content: "the" }),
    headers: { "content-type": "application/json" },
  })).json();
  const body = { model, prompt: "Once upon a time", max_tokens: 8,
    allowed_tokens: [the], bad_words: [" the the"] };
  await assert.rejects(client().completions.create(body), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.match(error.message, /no token can come next/);
    return true;
  });
  // The first token may be on its way when it shows: then it ends the stream.
  let text = "";
  await assert.rejects(async () => {
    const stream = await client().completions.create({ ...body, stream: true });
    for await (const chunk of stream) text += chunk.choices[0].text;
  }, (error) => error instanceof OpenAI.APIError &&
    error.type === "invalid_request_error" &&
    /no token can come next/.test(error.message));
  assert.ok(["", "the"].includes(text.trim()), text);
});

test("openai: another model is a 404", async () => {
  for (const attempt of [() => chat({ model: "gpt-9" }),
    () => client().models.retrieve("gpt-9"),
    () => client().embeddings.create({ model, input: "x" })]) {
    await assert.rejects(attempt, OpenAI.NotFoundError);
  }
});

test("openai: the key is asked for", async () => {
  const models = (apiKey) => client(lockedUrl, apiKey).models.list();
  assert.equal((await models(key)).data[0].id, model);
  for (const wrong of ["sk-shark", `${key}x`]) {
    await assert.rejects(models(wrong), (error) => {
      assert.ok(error instanceof OpenAI.AuthenticationError);
      assert.equal(error.code, "invalid_api_key");
      return true;
    });
  }
});
