// A server that says what `pilotfish serve` says, out of a text instead of a
// model, for tests of the page at /. It serves the page's files from src/web.
//
//   node mock_server.js [PORT]    to look at the page while one works on it
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const web = fileURLToPath(new URL("../../src/web/", import.meta.url));
const types = {
  ".html": "text/html", ".css": "text/css", ".js": "text/javascript",
  ".svg": "image/svg+xml",
};

// As the server sends it.
const policy = readFileSync(path.join(web, "server_asset.h"), "utf8")
  .match(/kServerPagePolicy =\s*((?:"[^"]*"\s*)+);/)[1]
  .replaceAll(/"\s*"|^"|"\s*$/g, "");

export const story = " there was a little girl named Lily. She loved to play " +
  "outside in the park.\nOne day, she saw a big, red ball under a tree. “Can " +
  "I have it?” she asked her mom, who said: “Of course, but first we look for " +
  "its owner.” They walked and asked every child they met — 👩‍👩‍👧, Tom and " +
  "Max — until a boy ran up.\n\n“It’s mine!” he said. “Do you want to play " +
  "with me?” Lily smiled, and they played until the sun went down. ";

const wordsOf = (text) => text.match(/\s*[^\s.,!?]+|\s*[.,!?]+|\s+$/g) ?? [];

// A number in [0, 1) for each place of each text.
function chance(...key) {
  return createHash("sha256").update(key.join(" ")).digest()
    .readUInt32LE() / 2 ** 32;
}

// What follows what: at temperature 0 and with `coupled` the same whatever the
// window, else another text for each.
function textOf({ temperature = 0, acceptor, seed = 0, speculative }, words) {
  const turns = temperature === 0 ? 0
    : acceptor === "coupled" ? seed
      : seed + (speculative ? 1 : 0);
  return (i) => words[(i + turns) % words.length];
}

// The passes of a text, [{tokens, pass}].
function* passesOf(body, words, from, to) {
  const word = textOf(body, words);
  const { speculative } = body;
  const window = speculative
    ? (speculative.window === "auto" ? 4 : speculative.window) : 1;
  const token = (i, origin, p, q) => ({
    id: i % 4096, text: word(i), origin, p,
    ...q === undefined ? {} : { q },
  });
  for (let at = from; at < to;) {
    const first = at === from;
    const drafted = first ? 0 : Math.min(window - 1, to - at - 1);
    let accepted = 0;
    while (accepted < drafted &&
      chance("accept", at + accepted) < 0.86 - 0.04 * accepted) {
      ++accepted;
    }
    const tokens = Array.from({ length: accepted }, (_, i) => token(at + i,
      "accepted", 0.5 + chance("p", at + i) / 2, chance("q", at + i)));
    const origin = accepted < drafted ? "recovered" : "bonus";
    tokens.push(token(at + accepted, origin, chance("p", at + accepted)));
    yield {
      tokens,
      pass: {
        drafted, accepted, emitted: tokens.length,
        draft_ms: 0.4 * drafted + chance("draft", at) * 0.2,
        verify_ms: 6 + 0.3 * drafted + chance("verify", at),
      },
    };
    at += tokens.length;
  }
}

const defaults = {
  port: 0,
  text: story,
  pace: 0, // milliseconds between passes
  template: true, // whether the model has a chat template
  key: null,
  thoughts: 0, // tokens that a chat's answer thinks first
  breakAfter: null, // chunks after which a connection breaks off, once and
  // when `breakNow` is called
  holdAfter: null, // chunks after which a stream waits for its client to go
  failAfter: null, // chunks after which a stream ends in an error
  failures: {}, // {"/v1/completions": {status, error, headers}}
  extras: true, // whether streams have tokens and passes
  late: false, // whether tokens come after their text
};

export async function startMock(options = {}) {
  const mock = { ...defaults, ...options, requests: [], gone: [] };
  const words = wordsOf(mock.text);
  const mayBreak = new Promise((resolve) => {
    mock.breakNow = resolve;
  });
  const counted = { generated: 0, running: 0, drafted: 0, accepted: 0 };

  const json = (response, status, value, headers = {}) => {
    response.writeHead(status,
      { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(value));
  };

  const gets = {
    "/health": () => ({ status: "ok" }),
    "/v1/models": () => ({
      object: "list",
      data: [{
        id: mock.model ?? "pilotfish-stories", object: "model",
        meta: { n_positions: 512, n_vocab: 4096, draft: "pilotfish-stories-draft" },
      }],
    }),
    "/props": () => ({
      default_generation_settings: {
        n_ctx: 512,
        params: {
          temperature: 0, window: "auto", acceptor: "block",
          drafters: ["model", "ngram", "suffix", "prediction", "skip"],
        },
      },
      total_slots: 4,
      build_info: mock.build ?? "pilotfish 0.1",
      chat_template: mock.template ? "{{ messages }}" : "",
      acceptors: ["block", "rejection", "coupled", "typical"],
    }),
    "/slots": () => [{ id: 0, is_processing: false }],
  };

  const metrics = () => [
    "# TYPE vllm:num_requests_running gauge",
    `vllm:num_requests_running{model_name="a \\"b\\""} ${counted.running}`,
    "vllm:num_requests_waiting 0",
    "vllm:kv_cache_usage_perc 0.31",
    "vllm:prompt_tokens_total 5120",
    `vllm:generation_tokens_total ${counted.generated}`,
    "vllm:prefix_cache_queries_total 4000",
    "vllm:prefix_cache_hits_total 2980",
    `vllm:spec_decode_num_draft_tokens_total ${100 + counted.drafted}`,
    `vllm:spec_decode_num_accepted_tokens_total ${83 + counted.accepted}`,
    "",
  ].join("\n");

  async function stream(request, response, body) {
    const chat = Boolean(body.messages);
    const before = body.resume?.tokens.length ?? 0;
    const most = body.max_tokens ?? 64;
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = (chunk) => response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    let chunks = 0;
    let sent = before;
    ++counted.running;
    try {
      for (const { tokens, pass } of passesOf(body, words, before, most)) {
        if (chunks === mock.breakAfter) {
          mock.breakAfter = null;
          // As when a process is killed: what was written arrives, no more.
          response.write(": soon\n\n");
          await mayBreak;
          response.socket.end();
          return;
        }
        const text = tokens.map((token) => token.text).join("");
        const thinks = chat && sent < mock.thoughts;
        const sendPart = (words, more) => send({
          choices: [{
            index: 0, finish_reason: null,
            ...chat
              ? { delta: { [thinks ? "reasoning_content" : "content"]: words } }
              : { text: words },
            ...more ? { tokens: more } : {},
          }],
          ...more?.length > 0 ? { pass } : {},
        });
        const tells = mock.extras && body.return_tokens;
        if (mock.late) sendPart(text, []);
        sendPart(mock.late ? "" : text, tells ? tokens : null);
        sent += tokens.length;
        counted.generated += tokens.length;
        counted.drafted += pass.drafted;
        counted.accepted += pass.accepted;
        ++chunks;
        if (chunks === mock.failAfter) {
          response.end("event: error\ndata: " + JSON.stringify({ error: {
            message: "The model’s logits are not a number.",
          } }) + "\n\n");
          return;
        }
        if (chunks === mock.holdAfter) {
          await once(response, "close");
          mock.gone.push(request.url);
          return;
        }
        if (mock.pace > 0) {
          const rows = body.speculative ? 1.15 : 1;
          await new Promise((resolve) =>
            setTimeout(resolve, mock.pace * rows));
        }
        if (response.destroyed) return;
      }
      send({
        choices: [{ index: 0, finish_reason: "length",
          ...chat ? { delta: {} } : { text: "" } }],
      });
      send({
        choices: [],
        usage: {
          prompt_tokens: 12, completion_tokens: most,
          prompt_tokens_details: { cached_tokens: chat ? 8 : 0 },
        },
        timings: { prompt_n: 12, predicted_n: most },
      });
      response.end("data: [DONE]\n\n");
    } finally {
      --counted.running;
    }
  }

  function asset(response, url) {
    const file = url === "/" ? "serve/index.html"
      : url.startsWith("/assets/") && !url.includes("..")
        ? url.slice("/assets/".length) : null;
    const type = file && types[path.extname(file)];
    if (!type || !existsSync(path.join(web, file))) return false;
    response.writeHead(200, {
      "content-type": `${type}; charset=utf-8`, "cache-control": "no-cache",
      "content-security-policy": policy, "x-content-type-options": "nosniff",
    });
    response.end(readFileSync(path.join(web, file)));
    return true;
  }

  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    if (asset(response, pathname)) return;
    let sent = "";
    for await (const part of request) sent += part;
    const body = sent ? JSON.parse(sent) : null;
    mock.requests.push({ path: pathname, body, headers: request.headers });
    const failure = mock.failures[pathname];
    if (failure) {
      json(response, failure.status, { error: { message: failure.error } },
        failure.headers);
    } else if (mock.key !== null && pathname !== "/health" &&
      request.headers.authorization !== `Bearer ${mock.key}`) {
      json(response, 401, { error: { message: "This server asks for a key." } });
    } else if (pathname === "/metrics") {
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4" });
      response.end(metrics());
    } else if (gets[pathname]) {
      json(response, 200, gets[pathname]());
    } else if (body) {
      await stream(request, response, body);
    } else {
      json(response, 404, { error: { message: "There is no such route." } });
    }
  });
  server.listen(mock.port, "127.0.0.1");
  await once(server, "listening");
  mock.address = `http://127.0.0.1:${server.address().port}/`;
  mock.close = () => {
    server.closeAllConnections();
    server.close();
  };
  // Those of one route, for what was asked.
  mock.asked = (route) =>
    mock.requests.filter((request) => request.path === route);
  return mock;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = await startMock(
    { port: Number(process.argv[2] ?? 8081), pace: 60, thoughts: 0 });
  console.log(mock.address);
}
