// One text as it comes: what the chunks of a stream add up to. Nothing here
// draws.
//
// A token is {id, text, origin, p, q, pass}: `origin` is a letter, a, r or b, or
// "" where the server does not say; `p` and `q` are how probable the target and
// the draft thought it, where known; `pass` is an index. A pass is
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
  #pending = { reasoning: "", text: "" };

  constructor(startedAt) {
    this.startedAt = startedAt;
  }

  // Takes a chunk of either kind of completion that came at the time `now`.
  // Returns pieces, {text, reasoning, token, pending}: `token` is null for text
  // of which nothing is known, and such text is `pending` where the next call
  // may know more: its pieces then stand in place of the pending ones.
  add(chunk, now) {
    this.usage = chunk.usage ?? this.usage;
    this.timings = chunk.timings ?? this.timings;
    const choice = chunk.choices?.[0];
    if (!choice) return this.#pieces([], false);
    this.finishReason = choice.finish_reason ?? this.finishReason;
    const reasoning = choice.delta?.reasoning_content ?? "";
    const text = choice.delta?.content ?? choice.text ?? "";
    const tokens = this.#addTokens(choice.tokens ?? [],
      [chunk.pass ?? choice.pass ?? []].flat());
    if (tokens.length > 0 || text || reasoning) this.firstAt ??= now;
    this.text += text;
    this.reasoning += reasoning;
    this.#pending.reasoning += reasoning;
    this.#pending.text += text;
    return this.#pieces(tokens, Boolean(choice.tokens));
  }

  end(now) {
    this.endedAt ??= now;
  }

  // Ids of all tokens, to go on after them elsewhere; null: some are unknown.
  ids() {
    const ids = this.tokens.map((token) => token.id);
    return ids.every(Number.isInteger) ? ids : null;
  }

  // A pass ends at the token that the target itself gave.
  #addTokens(tokens, passes) {
    const added = [];
    for (const token of tokens) {
      added.push({
        id: token.id,
        text: String(token.text ?? ""),
        origin: letters[token.origin] ?? "",
        p: number(token.p),
        q: number(token.q),
        pass: this.passes.length,
      });
      if (added.at(-1).origin !== "a" || added.length === tokens.length) {
        const ofPass = added.filter(({ pass }) => pass === this.passes.length);
        this.passes.push(passOf(ofPass, passes.shift() ?? {}));
      }
    }
    this.tokens.push(...added);
    return added;
  }

  // What was pending, and the tokens that it belongs to. What is left pends
  // further where `tokensCome`.
  #pieces(tokens, tokensCome) {
    const { reasoning, text } = this.#pending;
    const { spelled, left } = spell(tokens, reasoning + text);
    const pieces = [];
    let at = 0;
    const put = (piece, token, pending) => {
      const inside = Math.min(Math.max(reasoning.length - at, 0), piece.length);
      at += piece.length;
      for (const [part, thought] of [
        [piece.slice(0, inside), true], [piece.slice(inside), false]]) {
        if (part) pieces.push({ text: part, reasoning: thought, token, pending });
      }
    };
    for (const [piece, token] of spelled) put(piece, token, false);
    this.#pending = {
      reasoning: tokensCome ? reasoning.slice(at) : "",
      text: tokensCome ? text.slice(Math.max(at - reasoning.length, 0)) : "",
    };
    put(left, null, tokensCome);
    return pieces;
  }
}

// Which part of a text is which token's: {spelled: [[text, token]], left}. The
// text is right in any case. Some of it may be of earlier tokens, and a server
// leaves out what marks where thoughts begin and end.
function spell(tokens, text) {
  const spelled = [];
  let rest = text;
  let remaining = tokens.reduce((sum, token) => sum + token.text.length, 0);
  const take = (length, token) => {
    if (length > 0) spelled.push([rest.slice(0, length), token]);
    rest = rest.slice(length);
  };
  for (const token of tokens) {
    const earlier = Math.max(rest.length - remaining, 0);
    remaining -= token.text.length;
    if (rest.startsWith(token.text)) {
      take(token.text.length, token);
    } else if (rest.startsWith(token.text, earlier)) {
      take(earlier, null);
      take(token.text.length, token);
    }
  }
  return { spelled, left: rest };
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
