// Runs one request to its end, over as many connections as that takes.

import { ConnectionLost, ServerError, streamed } from "./api.js";

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

// Another replica may be there in a moment, or have a place.
const mayPass = (error) => error instanceof ConnectionLost ||
  (error instanceof ServerError && [429, 502, 503, 504].includes(error.status));

// Fills `generation`; `onChunk` gets the pieces of each chunk. A stream that
// breaks off goes on behind the tokens that came, here or wherever a proxy now
// leads: `onResume` gets their number. The text is then what it would have been
// (docs/internals/front-ends.md). Throws what cannot be mended, and the
// signal's reason when it is stopped.
export async function runRequest({ path, body, generation, signal, onChunk,
  onResume, pause = 500 }) {
  for (let retries = 0; ; ++retries) {
    const before = generation.tokens.length;
    const ids = generation.ids();
    try {
      const request = before > 0 ? { ...body, resume: { tokens: ids } } : body;
      for await (const chunk of streamed(path, request, signal)) {
        onChunk(generation.add(chunk, performance.now()));
      }
      return;
    } catch (error) {
      if (generation.tokens.length > before) retries = 0;
      // A text whose last chunk has come is whole.
      if (error instanceof ConnectionLost && generation.finishReason) return;
      const canResume = generation.tokens.length > 0 && generation.ids();
      if (!canResume || !mayPass(error) || retries >= mostRetries) throw error;
      onResume(generation.tokens.length);
      await wait(Math.max(pause * 2 ** retries,
        1000 * (error.retryAfter ?? 0)), signal);
    }
  }
}
