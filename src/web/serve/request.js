// From the settings of the form to a request, and to the same in a shell.
//
// Settings are {mode, prompt, messages, window, drafter, acceptor, temperature,
// seed, maxTokens, topP, topK, minP, stop}. Those of sampling are null where
// the server's own are to hold, as is `acceptor`; `drafter` is "" for all that
// the server has; `messages` (or null) make it a chat.

const given = (fields) => Object.fromEntries(
  Object.entries(fields).filter(([, value]) => value !== null));

// A window of 1 drafts nothing.
export function isPlain({ window, drafter }) {
  return window === 1 || drafter === "none";
}

function speculativeOf(settings) {
  if (isPlain(settings)) return false;
  const { window, drafter } = settings;
  return given({ window, drafter: drafter || null });
}

export function pathOf({ messages }) {
  return messages ? "v1/chat/completions" : "v1/completions";
}

export function bodyOf(settings, model) {
  const { messages, prompt, acceptor, temperature, seed, maxTokens, topP, topK,
    minP, stop } = settings;
  return {
    ...given({ model }),
    ...messages ? { messages } : { prompt },
    stream: true,
    stream_options: { include_usage: true },
    return_tokens: true,
    speculative: speculativeOf(settings),
    ...given({
      acceptor, temperature, seed, max_tokens: maxTokens, top_p: topP,
      top_k: topK, min_p: minP, stop,
    }),
  };
}

// A seed for whoever has not chosen one: known here, a text can be had again,
// and a stream that broke off can go on.
export function freshSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0] >>> 1;
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// The same request as a command, of which a shell takes every byte as it is.
export function curlOf(address, body, withKey) {
  const shown = { ...body, stream: false };
  delete shown.stream_options;
  delete shown.return_tokens;
  return [
    `curl ${quoted(address)}`,
    "-H 'Content-Type: application/json'",
    ...withKey ? ["-H \"Authorization: Bearer $PILOTFISH_API_KEY\""] : [],
    `-d ${quoted(JSON.stringify(shown, null, 1))}`,
  ].join(" \\\n  ");
}
