// Numbers and strings as people read them.

// The characters of a text that do nothing but harm to a reader: controls, but
// for line breaks and tabs, what turns the direction of the text, and what is
// no character.
const harmful =
  /(?![\n\t])[\p{Cc}\p{Bidi_Control}\p{Noncharacter_Code_Point}]/gu;

function spelledOut(character) {
  const code = character.codePointAt(0);
  // U+2400 to U+241F are pictures of U+0000 to U+001F.
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  return `‹U+${code.toString(16).toUpperCase().padStart(4, "0")}›`;
}

// The same text, with harmful characters spelled out.
export function harmless(text) {
  return text.replace(harmful, spelledOut);
}

// `value` with so many significant digits, and no exponent or trailing zeros.
export function significant(value, digits = 3) {
  return String(Number(value.toPrecision(digits)));
}

export function seconds(value) {
  if (value < 1e-3) return `${Math.round(value * 1e6)} µs`;
  if (value < 1) return `${significant(value * 1e3)} ms`;
  return `${significant(value)} s`;
}

export function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

// In a few characters: "1", ".93", ".0041", "2e-7".
export function probability(value) {
  if (value === 0 || value === 1) return String(value);
  if (value < 1e-4) return value.toExponential(0);
  const text = significant(value, 2);
  if (text === "1") return ".99+"; // as near as that, and not 1
  return text.replace(/^0/, "");
}

const mostOfALabel = 32;

// A token's text, short and on one line: line breaks, tabs and the spaces at
// its ends become signs.
export function tokenLabel(text) {
  const characters = [...text];
  const shown = characters.slice(0, mostOfALabel).join("")
    .replaceAll("\n", "↵").replaceAll("\t", "⇥")
    .replace(/^ | $/g, "␣");
  return characters.length > mostOfALabel ? `${shown}…` : shown;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

// 0 for none.
export function largest(values) {
  return values.reduce((most, value) => Math.max(most, value), 0);
}
