#include "answers/free_text.h"

#include <utility>

#include "constraint/dfa.h"

namespace pilotfish {
namespace {

Grammar::Expr write_anything(Grammar& grammar) {
  return grammar.repeat(grammar.bytes(ByteSet().set()), 0, Grammar::kUnlimited);
}

// Any text of whole characters, so that what a special token stands behind is
// complete.
Grammar::Expr write_characters(Grammar& grammar) {
  constexpr CodePointRange kAll = {0, 0x10FFFF};
  return grammar.repeat(grammar.character({&kAll, 1}), 0, Grammar::kUnlimited);
}

// How a text can end so that, followed by `word`, it has `word` in it before
// its end.
std::vector<std::string_view> overlaps(std::string_view word) {
  std::vector<std::string_view> ends;
  for (std::size_t n = 1; n < word.size(); ++n) {
    if (word.substr(0, word.size() - n) == word.substr(n)) {
      ends.push_back(word.substr(0, n));
    }
  }
  return ends;
}

}  // namespace

bool overlaps_itself(std::string_view word) { return !overlaps(word).empty(); }

Grammar::Expr write_white_space(Grammar& grammar) {
  ByteSet blanks;
  for (const char c : {' ', '\t', '\r', '\n'}) {
    blanks.set(static_cast<std::size_t>(c));
  }
  return grammar.repeat(grammar.bytes(blanks), 0, Grammar::kUnlimited);
}

Grammar::Expr write_free_text(Grammar& grammar, const FreeText& without) {
  Grammar scratch;
  const Grammar::Expr anything = write_anything(scratch);
  std::vector<Grammar::Expr> bad;
  if (!without.inside.empty()) {
    bad.push_back(
        scratch.sequence({anything, scratch.text(without.inside), anything}));
    if (without.before_inside) {
      for (const std::string_view end : overlaps(without.inside)) {
        bad.push_back(scratch.sequence({anything, scratch.text(end)}));
      }
    }
  }
  for (const std::string& begin : without.begins) {
    bad.push_back(scratch.sequence({scratch.text(begin), anything}));
  }
  if (without.thinks) {
    bad.push_back(scratch.sequence(
        {write_white_space(scratch), scratch.text(kThinkBegins), anything}));
  }
  if (bad.empty()) return write_characters(grammar);
  const Dfa texts = Dfa::of(scratch, write_characters(scratch));
  const Grammar::Expr none = scratch.choice(std::move(bad));
  return texts.minus(Dfa::of(scratch, none)).to_grammar(grammar, "text");
}

}  // namespace pilotfish
