#ifndef PILOTFISH_CONSTRAINT_TESTING_RANDOM_GRAMMAR_H_
#define PILOTFISH_CONSTRAINT_TESTING_RANDOM_GRAMMAR_H_

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "constraint/grammar.h"

namespace pilotfish::test {

// Draws expressions over a small alphabet, of any shape.
class RandomGrammar {
 public:
  RandomGrammar(Grammar& grammar, std::mt19937& random,
                std::string_view alphabet)
      : grammar_(grammar), random_(random), alphabet_(alphabet) {}

  // What leaves of an expression may be, beside bytes.
  void allow_calls(std::vector<Grammar::Rule> rules) {
    rules_ = std::move(rules);
  }
  // And sets of nearly all bytes, repeated up to 10 times.
  void allow_counts() { counts_ = true; }
  void allow_tokens(std::vector<Token> tokens) { tokens_ = std::move(tokens); }

  Grammar::Expr expr(int depth) {
    const int kind = depth == 0 ? below(3) : below(8);
    switch (kind) {
      case 0:
        return letters();
      case 1:
      case 2:
        return rules_.empty() && kind == 1 ? letters() : leaf();
      case 3:
      case 4: {
        std::vector<Grammar::Expr> parts;
        for (int i = 0, n = 2 + below(2); i < n; ++i) {
          parts.push_back(expr(depth - 1));
        }
        return grammar_.sequence(parts);
      }
      case 5:
      case 6: {
        std::vector<Grammar::Expr> parts;
        for (int i = 0, n = 2 + below(2); i < n; ++i) {
          parts.push_back(expr(depth - 1));
        }
        return grammar_.choice(parts);
      }
      default: {
        const int min = below(3);
        const int max = below(3) == 0 ? -1 : min + below(counts_ ? 9 : 3);
        return grammar_.repeat(expr(depth - 1), min, max);
      }
    }
  }

  // What begins with a letter, or is empty: never left-recursive.
  Grammar::Expr body(int depth) {
    std::vector<Grammar::Expr> parts;
    for (int i = 0, n = 1 + below(3); i < n; ++i) {
      parts.push_back(grammar_.sequence({letters(), expr(depth)}));
    }
    if (below(3) == 0) parts.push_back(grammar_.empty());
    return grammar_.choice(parts);
  }

  std::string text(int length) {
    std::string text;
    for (int i = 0; i < length; ++i) text += letter();
    return text;
  }

  int below(int n) {
    return static_cast<int>(random_() % static_cast<unsigned>(n));
  }

 private:
  char letter() {
    return alphabet_[static_cast<std::size_t>(
        below(static_cast<int>(alphabet_.size())))];
  }

  Grammar::Expr letters() {
    ByteSet set;
    for (int i = 0, n = 1 + below(2); i < n; ++i) {
      set.set(static_cast<unsigned char>(letter()));
    }
    return grammar_.bytes(counts_ && below(2) == 0 ? ~set : set);
  }

  Grammar::Expr leaf() {
    const int calls = static_cast<int>(rules_.size());
    const int all = calls + static_cast<int>(tokens_.size()) + 1;
    const int which = below(all);
    if (which < calls) {
      return grammar_.call(rules_[static_cast<std::size_t>(which)]);
    }
    if (which + 1 < all) {
      return grammar_.token(tokens_[static_cast<std::size_t>(which - calls)]);
    }
    return grammar_.empty();
  }

  Grammar& grammar_;
  std::mt19937& random_;
  std::string alphabet_;
  std::vector<Grammar::Rule> rules_;
  std::vector<Token> tokens_;
  bool counts_ = false;
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_CONSTRAINT_TESTING_RANDOM_GRAMMAR_H_
