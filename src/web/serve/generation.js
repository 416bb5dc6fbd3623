// One text as it comes: what the chunks of a stream add up to. Nothing here
// draws.
//
// A token is {id, text, origin, p, q, pass, place}: `origin` is a letter, a, r
// or b, or "" where the server does not say; `p` and `q` are how probable the
// target and the draft thought it, where known; `pass` is an index. A pass is
// {drafted, places, accepted, emitted, draftMs, verifyMs, own}: of these
// `drafted` and the times are undefined where the server does not say, and
// `own` is the origin of the token that the target itself gave, or "" for none.

const letters = { accepted: "a", recovered: "r", bonus: "b" };

const number = (value) => (typeof value === "number" ? value : undefined);

export class Generation {
  text = "";
  reasoning = "";
  tokens = [];
  passes = [];
  finishReason = null;
  usage = null;
  timings = null;
  // By the page's clock, in milliseconds; null: not yet.
  firstAt = null;
  endedAt = null;

  constructor(startedAt) {
    this.startedAt = startedAt;
  }

  // Takes a chunk of either kind of completion that came at the time `now`.
  // Returns its pieces, {text, reasoning, token}: `token` is null for text of
  // which nothing more is known.
  add(chunk, now) {
    this.usage = chunk.usage ?? this.usage;
    this.timings = chunk.timings ?? this.timings;
    const choice = chunk.choices?.[0];
    if (!choice) return [];
    this.finishReason = choice.finish_reason ?? this.finishReason;
    const reasoning = choice.delta?.reasoning_content ?? "";
    const text = choice.delta?.content ?? choice.text ?? "";
    const tokens = this.#addTokens(choice, chunk.pass ?? choice.pass);
    if (tokens.length > 0 || text || reasoning) this.firstAt ??= now;
    this.text += text;
    this.reasoning += reasoning;
    return piecesOf(tokens, reasoning, text);
  }

  end(now) {
    this.endedAt ??= now;
  }

  // Ids of all tokens, to go on after them elsewhere; null: some are unknown.
  ids() {
    const ids = this.tokens.map((token) => token.id);
    return ids.every(Number.isInteger) ? ids : null;
  }

  #addTokens({ tokens = [] }, pass) {
    if (tokens.length === 0) return [];
    const added = tokens.map((token, place) => ({
      id: token.id,
      text: String(token.text ?? ""),
      origin: letters[token.origin] ?? "",
      p: number(token.p),
      q: number(token.q),
      pass: this.passes.length,
      place,
    }));
    this.tokens.push(...added);
    this.passes.push(passOf(added, pass ?? {}));
    return added;
  }
}

function passOf(tokens, { drafted, places, accepted, emitted,
  draft_ms: draftMs, verify_ms: verifyMs }) {
  const own = tokens.at(-1).origin;
  return {
    drafted: number(drafted),
    places: number(places) ?? number(drafted),
    accepted: number(accepted) ??
      tokens.filter((token) => token.origin === "a").length,
    emitted: number(emitted) ?? tokens.length,
    draftMs: number(draftMs),
    verifyMs: number(verifyMs),
    own: own === "a" ? "" : own,
  };
}

// The tokens' texts, where they are the beginning of the chunk's; the chunk is
// right in any case. A chunk that has text of both kinds has its tokens' texts
// across both.
function piecesOf(tokens, reasoning, text) {
  const spelled = tokens.map((token) => token.text).join("");
  if (!(reasoning + text).startsWith(spelled)) {
    return [[reasoning, true], [text, false]].filter(([part]) => part)
      .map(([part, thought]) =>
        ({ text: part, reasoning: thought, token: null }));
  }
  const pieces = [];
  let at = 0;
  const put = (piece, token) => {
    const inside = Math.max(0, Math.min(reasoning.length - at, piece.length));
    const parts = [[piece.slice(0, inside), true], [piece.slice(inside), false]];
    for (const [part, thought] of parts) {
      if (part) pieces.push({ text: part, reasoning: thought, token });
    }
    at += piece.length;
  };
  for (const token of tokens) put(token.text, token);
  put((reasoning + text).slice(at), null);
  return pieces;
}

// What the passes add up to. As everywhere in pilotfish the first pass is left
// out: it reads the prompt and drafts nothing.
export function statsOf(generation) {
  const passes = generation.passes.slice(1);
  const sum = (name) =>
    passes.reduce((all, pass) => all + (pass[name] ?? 0), 0);
  const drafted = sum("drafted");
  return {
    tokens: generation.tokens.length,
    passes: passes.length,
    tokensPerPass: passes.length > 0 ? sum("emitted") / passes.length : null,
    acceptance: drafted > 0 ? sum("accepted") / drafted : null,
    byPlace: acceptanceByPlace(passes),
  };
}

// [{offered, accepted}]: of the passes that drafted for a place, those that
// kept its token.
function acceptanceByPlace(passes) {
  const places = [];
  for (const pass of passes) {
    for (let i = 0; i < (pass.places ?? 0); ++i) {
      places[i] ??= { offered: 0, accepted: 0 };
      places[i].offered += 1;
      if (i < pass.accepted) places[i].accepted += 1;
    }
  }
  return places;
}

// In milliseconds and tokens a second; null where there is none yet.
export function clockOf(generation, now) {
  const { startedAt, firstAt, endedAt, tokens, passes } = generation;
  const until = endedAt ?? now;
  const after = tokens.length - (passes[0]?.emitted ?? 0);
  const decoding = firstAt === null ? 0 : until - firstAt;
  return {
    elapsed: until - startedAt,
    first: firstAt === null ? null : firstAt - startedAt,
    speed: after > 0 && decoding > 0 ? (1000 * after) / decoding : null,
  };
}
