// What the page asks its server for. Addresses are relative, so that the page
// works below any path at which a proxy puts the server.

import { eventsOf } from "./events.js";

// The server's answer to a request that it refuses, in its own words.
export class ServerError extends Error {
  constructor(message, { status = 0, retryAfter = null } = {}) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter; // in seconds; null: it does not say
  }
}

// There is no connection to the server.
export class Unreachable extends Error {}

// The connection ended before the answer did.
export class ConnectionLost extends Error {}

// The key lives as long as the tab.
const keyName = "pilotfish-api-key";
let key = "";
try {
  key = sessionStorage.getItem(keyName) ?? "";
} catch {
  // A browser that keeps nothing: the key lives as long as the page.
}

export const hasKey = () => key !== "";

export function setKey(value) {
  key = value.trim();
  try {
    sessionStorage.setItem(keyName, key);
  } catch {
    // As above.
  }
}

// Errors have OpenAI's shape; what stands before the server may have any.
async function errorOf(response) {
  const text = await response.text().catch(() => "");
  const after = Number(response.headers.get("retry-after") ?? NaN);
  const details = {
    status: response.status,
    retryAfter: Number.isFinite(after) ? after : null,
  };
  try {
    const { error } = JSON.parse(text);
    return new ServerError(error.message ?? String(error), details);
  } catch {
    return new ServerError(
      `${response.status} ${response.statusText}`.trim(), details);
  }
}

async function ask(path, { body, signal } = {}) {
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  const options = body === undefined ? { headers, signal } : {
    method: "POST", signal, body: JSON.stringify(body),
    headers: { ...headers, "content-type": "application/json" },
  };
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    signal?.throwIfAborted();
    throw new Unreachable("The server cannot be reached.", { cause: error });
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

export async function getJson(path, signal) {
  return (await ask(path, { signal })).json();
}

export async function getText(path, signal) {
  return (await ask(path, { signal })).text();
}

// Yields the chunks of a streamed answer, without the "[DONE]" at its end.
// Throws Unreachable, ServerError for a refusal, before the first chunk or after
// it, ConnectionLost if the stream breaks off, and the signal's reason.
export async function* streamed(path, body, signal) {
  const response = await ask(path, { body, signal });
  try {
    for await (const { event, data } of eventsOf(response.body)) {
      if (data === "[DONE]") return;
      const chunk = JSON.parse(data);
      if (event === "error" || chunk.error) {
        throw new ServerError(
          chunk.error?.message ?? chunk.message ?? "The server failed.");
      }
      yield chunk;
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof ServerError) throw error;
    throw new ConnectionLost("The connection broke off.", { cause: error });
  }
  throw new ConnectionLost("The connection broke off.");
}
