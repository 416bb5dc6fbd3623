// The passes of a trace, a row each. A pass is {index, first, emitted, drafted,
// accepted, rejected, more, seconds}: its tokens begin at `first`; `accepted`
// and `rejected` are lists of guesses [text, p, q], of which `more` rejected
// ones are not in the page; `seconds` is {draft, verify, total}. Of very many
// passes the last ones have only `index`, `first` and `emitted`.

import { largest, median, probability, seconds, tokenLabel } from "./words.js";
import { element } from "./dom.js";
import { key, scrolling, swatch, table, timeParts } from "./frame.js";
import { originNames } from "./origins.js";

export const rowId = (pass) => `p${pass.index + 1}`;

export function passesOf(data) {
  let first = 0;
  return data.passes.map((pass, index) => {
    const at = first;
    first += pass.emitted;
    if (!pass.microseconds) return { ...pass, index, first: at };
    const [draft, verify, total] = pass.microseconds.map((time) => time / 1e6);
    return { ...pass, index, first: at, seconds: { draft, verify, total } };
  });
}

function guess([text, p, q], kept) {
  return element(kept ? "span" : "s", { class: "token" },
    element("b", {}, tokenLabel(text)),
    element("small", {}, `p ${probability(p)}`),
    element("small", {}, `q ${probability(q)}`));
}

// The token that the target itself gave, if the text did not end before it.
function ownToken(data, pass) {
  const at = pass.first + pass.accepted.length;
  if (pass.accepted.length >= pass.emitted) return null;
  return element("span", { class: "token" },
    element("b", {}, tokenLabel(data.tokens[at])),
    element("small", {}, originNames[data.origins[at]]));
}

function bar(className, lengths) {
  const drawn = element("i", { class: className });
  for (const [name, length] of Object.entries(lengths)) {
    drawn.style.setProperty(`--${name}`, length);
  }
  return drawn;
}

function keptCell(pass) {
  if (pass.drafted === 0) return "nothing drafted";
  const kept = pass.accepted.length;
  return [bar("kept", { all: pass.drafted, kept }),
    `${kept} of ${pass.drafted}`];
}

function rejectedCell(pass) {
  return [
    pass.rejected.map((rejected) => guess(rejected, false)),
    pass.more ? element("small", {}, `${pass.more} more`) : null,
  ];
}

// What fills the bar of a pass: three median passes, or the longest if that is
// less; a machine's rare hiccups would shrink all others.
function fullTime(rows) {
  const totals = rows.map((pass) => pass.seconds.total);
  const later = totals.length > 1 ? totals.slice(1) : totals;
  return Math.min(largest(later), 3 * median(later));
}

function timeCell({ index, seconds: { verify, draft, total } }, full) {
  const longest = Math.max(full, total);
  const share = (time) =>
    (longest > 0 ? Math.round((100 * time) / longest) : 0);
  const rest = Math.max(total - verify - draft, 0);
  return [
    bar("time",
      { verified: share(verify), drafted: share(draft), other: share(rest) }),
    seconds(total) + (index === 0 ? ", with the prompt" : ""),
  ];
}

// How many characters guesses take, more or less, with p and q.
function roomOf(guesses) {
  return guesses.reduce((sum, [text]) => sum + tokenLabel(text).length + 16, 0);
}

// The part of accepted and rejected guesses that the accepted are; each column
// has some room, whatever is in it.
function acceptedShare(rows) {
  const room = (list) =>
    rows.reduce((sum, pass) => sum + roomOf(pass[list]), 0);
  const [accepted, rejected] = [room("accepted"), room("rejected")];
  const share = accepted / Math.max(accepted + rejected, 1);
  return Math.min(Math.max(share, 0.25), 0.75);
}

function passColumns(data, rows) {
  const full = fullTime(rows);
  const share = acceptedShare(rows);
  return [
    { name: "Pass", cell: (pass) => pass.index + 1, number: true },
    { name: "Kept of the drafted", short: "Kept", cell: keptCell },
    {
      name: "Accepted", share,
      cell: (pass) => pass.accepted.map((accepted) => guess(accepted, true)),
    },
    { name: "Rejected", share: 1 - share, cell: rejectedCell },
    {
      name: "The target’s own", short: "Target’s own",
      cell: (pass) => ownToken(data, pass),
    },
    { name: "Time", cell: (pass) => timeCell(pass, full) },
  ];
}

export function passTable(data, passes) {
  const rows = passes.filter((pass) => pass.seconds);
  return [
    element("p", {},
      "p is the target’s probability of a drafted token and q the draft’s, " +
      "after temperature and all other sampling. In a chain the first " +
      "rejected token is where the text took another turn, and the fainter " +
      "ones built on it; in a tree they competed."),
    rows.length < passes.length ? element("p", {},
      `The first ${rows.length} of ${passes.length} passes.`) : null,
    key(timeParts.map((name, part) => [swatch(part), name])),
    scrolling("The passes, which can scroll", table("passes",
      passColumns(data, rows), rows, (pass) => ({ id: rowId(pass) }))),
  ];
}
