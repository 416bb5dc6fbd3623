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

// The connection ended before the answer did, or there was none.
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

// A fetch that fails, or a body that breaks off, throws a TypeError; one that
// the page itself has stopped throws its own reason.
function lost(error) {
  return error?.name === "AbortError"
    ? error : new ConnectionLost("The server cannot be reached.");
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
    throw lost(error);
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
// Throws ServerError for a refusal, before the first chunk or after it, and
// ConnectionLost if the stream breaks off.
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
    throw error instanceof ServerError ? error : lost(error);
  }
  throw new ConnectionLost("The connection broke off.");
}
