// Runs one request to its end, over as many connections as that takes.

import {
  ConnectionLost, ServerError, Unreachable, streamed,
} from "./api.js";

const mostRetries = 5;

const wait = (milliseconds, signal) => new Promise((resolve, reject) => {
  signal.throwIfAborted();
  const stop = () => {
    clearTimeout(timer);
    reject(signal.reason);
  };
  const timer = setTimeout(() => {
    signal.removeEventListener("abort", stop);
    resolve();
  }, milliseconds);
  signal.addEventListener("abort", stop, { once: true });
});

// A text that has not begun can be asked for anew, one that has needs its ids.
function canGoOn({ text, reasoning, tokens }, ids) {
  return tokens.length > 0 ? ids !== null : text === "" && reasoning === "";
}

// Once a connection has broken off, another replica may be there in a moment,
// or have a place.
function mayPass(error, hasBroken) {
  if (error instanceof ConnectionLost) return true;
  const isAway = error instanceof Unreachable ||
    (error instanceof ServerError &&
      [429, 502, 503, 504].includes(error.status));
  return hasBroken && isAway;
}

// Fills `generation`; `onChunk` gets the pieces of each chunk. A stream that
// breaks off goes on behind the tokens that came, here or wherever a proxy now
// leads: `onResume` gets their number. The text is then what it would have been
// (docs/internals/front-ends.md). Throws what cannot be mended, and the
// signal's reason when it is stopped.
export async function runRequest({ path, body, generation, signal, onChunk,
  onResume, pause = 500 }) {
  let hasBroken = false;
  for (let retries = 0; ; ++retries) {
    const before = generation.tokens.length;
    const request = before > 0
      ? { ...body, resume: { tokens: generation.ids() } } : body;
    try {
      for await (const chunk of streamed(path, request, signal)) {
        onChunk(generation.add(chunk, performance.now()));
      }
      return;
    } catch (error) {
      signal.throwIfAborted();
      // A text whose last chunk has come is whole.
      if (error instanceof ConnectionLost && generation.finishReason) return;
      if (generation.tokens.length > before) retries = 0;
      const goesOn = mayPass(error, hasBroken) && retries < mostRetries &&
        canGoOn(generation, generation.ids());
      if (!goesOn) throw error;
      hasBroken = true;
      onResume(generation.tokens.length);
      await wait(Math.max(pause * 2 ** retries,
        1000 * (error.retryAfter ?? 0)), signal);
    }
  }
}
