// Keeps what the server answers, and compares it with OpenAI's own description
// (tests/openapi_test.py).
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const samples = [];

// What the answer to a path is called in the description, whole and in chunks.
const schemas = [
  [/\/v1\/models$/, "ListModelsResponse"],
  [/\/v1\/models\/.+$/, "Model"],
  [/\/v1\/completions$/, "CreateCompletionResponse", "CreateCompletionResponse"],
  [/\/v1\/chat\/completions$/, "CreateChatCompletionResponse",
    "CreateChatCompletionStreamResponse"],
  [/\/v1\/responses$/, "Response", "ResponseStreamEvent"],
];

function keep(schema, text) {
  if (text === "[DONE]") return;
  const json = JSON.parse(text);
  samples.push({ schema: json.error?.message ? "ErrorResponse" : schema, json });
}

// `fetch` for clients of OpenAI's routes. It changes nothing.
export async function recordingFetch(input, init) {
  const response = await fetch(input, init);
  const path = new URL(input.url ?? input).pathname;
  const entry = schemas.find(([pattern]) => pattern.test(path));
  if (!entry) return response;
  const [, whole, chunk] = entry;
  const streams = /^text\/event-stream/.test(
    response.headers.get("content-type"));
  let text = "";
  const decoder = new TextDecoder();
  const takeEvents = () => {
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const data = event.match(/^data: (.*)$/m);
      if (data) keep(chunk, data[1]);
    }
  };
  const body = response.body.pipeThrough(new TransformStream({
    transform(bytes, controller) {
      text += decoder.decode(bytes, { stream: true });
      if (streams) takeEvents();
      controller.enqueue(bytes);
    },
    flush() {
      if (!streams) keep(whole, text);
      else assert.equal(text, "");
    },
  }));
  return new Response(body, response);
}

export function compareWithDescription(t) {
  const folder = mkdtempSync(join(tmpdir(), "pilotfish-samples-"));
  try {
    const file = join(folder, "samples.jsonl");
    writeFileSync(file, samples.map((one) => JSON.stringify(one)).join("\n"));
    const script = fileURLToPath(new URL("../openapi_test.py", import.meta.url));
    const run = spawnSync("python3", [script, "--samples", file],
      { encoding: "utf8" });
    if (run.status === 77) {
      t.skip(run.stdout);
      return;
    }
    assert.equal(run.status, 0, run.stdout + run.stderr);
    t.diagnostic(run.stdout.trim());
  } finally {
    rmSync(folder, { recursive: true });
  }
}
