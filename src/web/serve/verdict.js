// What a race has shown: whether the texts are the same, whether they had to
// be, and which was faster.

const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);

// The number of characters that two texts share from their beginning.
export function sharedLength(a, b) {
  let shared = 0;
  while (shared < a.length && a[shared] === b[shared]) ++shared;
  return shared;
}

// Whether speculation may change the text: true, false, or null where that
// depends on what only the server knows. `acceptor` is {name, lossless}.
export function mayDiffer({ temperature }, acceptor) {
  if (!acceptor) return null;
  if (!acceptor.lossless) return true;
  if (acceptor.name === "coupled" || temperature === 0) return false;
  return temperature === null ? null : true;
}

function whyDifferent(settings, acceptor) {
  if (acceptor && !acceptor.lossless) {
    return `The acceptor ${acceptor.name} is lossy.`;
  }
  return mayDiffer(settings, acceptor) === false
    ? "They had to be the same: please report this."
    : "Above temperature 0 the texts have the same distribution and need not " +
      "be the same; with the acceptor coupled, or at temperature 0, they are.";
}

// {kind, text}: `kind` is "same", "different" or "fault".
export function verdictOf(plain, speculative, settings, acceptor) {
  const [ids, otherIds] = [plain.ids(), speculative.ids()];
  const sameText = plain.text === speculative.text &&
    plain.reasoning === speculative.reasoning;
  const sameIds = !ids || !otherIds || same(ids, otherIds);
  if (sameText && sameIds) {
    const bytes = new TextEncoder()
      .encode(plain.reasoning + plain.text).length;
    return {
      kind: "same",
      text: `Identical: both texts are the same ${bytes} bytes` +
        (ids ? ` in ${ids.length} tokens.` : "."),
    };
  }
  const where = sameText ? "The texts are the same, their tokens are not."
    : "The texts differ after " +
      `${sharedLength(plain.text, speculative.text)} characters.`;
  return {
    kind: mayDiffer(settings, acceptor) === false ? "fault" : "different",
    text: `${where} ${whyDifferent(settings, acceptor)}`,
  };
}

// In words; `plain` and `speculative` are milliseconds.
export function speedText(plain, speculative) {
  const ratio = plain / speculative;
  const times = (value) => `${value.toFixed(2)} times as`;
  if (ratio >= 1) return `Speculation was ${times(ratio)} fast.`;
  return `Plain decoding was ${times(1 / ratio)} fast.`;
}
