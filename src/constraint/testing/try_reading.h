#ifndef PILOTFISH_CONSTRAINT_TESTING_TRY_READING_H_
#define PILOTFISH_CONSTRAINT_TESTING_TRY_READING_H_

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "constraint/automaton.h"
#include "constraint/grammar.h"
#include "constraint/matcher.h"
#include "constraint/testing/recognise.h"
#include "constraint/token_mask.h"
#include "constraint/vocabulary.h"

// What fuzzers do with a grammar that nobody vouches for.
namespace pilotfish::test {

// Every byte is a token, and so are some texts that cross the borders of rules.
// The last token is special.
inline std::shared_ptr<const ConstraintVocabulary> small_vocabulary() {
  static const auto kVocabulary = [] {
    std::vector<std::string> bytes;
    for (int byte = 0; byte < 256; ++byte) {
      bytes.emplace_back(1, static_cast<char>(byte));
    }
    for (const char* text :
         {"{\"", "\":",      "\": ", "\", \"",  "\"}", "}}",   "]]",    "[[",
          ", ",  "\n  ",     "true", "null",    "12",  "0.",   "\\u00", "ab",
          "aa",  "aaaaaaaa", "é",    "ééééééé", " a",  "a b c"}) {
      bytes.emplace_back(text);
    }
    bytes.emplace_back();
    return std::make_shared<const ConstraintVocabulary>(bytes);
  }();
  return kVocabulary;
}

// Walks through some text of a grammar and compares every mask with what can
// really be read, and where the grammar is small with its definition. Aborts
// where they differ. Throws Error for what is too large.
class ReadingTrial {
 public:
  explicit ReadingTrial(const Grammar& grammar)
      : grammar_(grammar),
        matcher_(Automaton::compile(grammar), small_vocabulary()) {}

  // `seed` chooses the text.
  void read(std::uint64_t seed) {
    constexpr int kSteps = 24;
    Matcher::State state = matcher_.begin();
    for (int step = 0; step < kSteps; ++step) {
      const std::vector<Token> allowed = check_mask(state, draw(seed));
      check_forced(state);
      check_text(matcher_.may_end(state));
      if (allowed.empty()) break;
      const Token token = allowed[draw(seed) % allowed.size()];
      if (!matcher_.advance(state, token)) std::abort();
      add(token);
    }
  }

 private:
  static std::uint64_t draw(std::uint64_t& seed) {
    seed += 0x9E3779B97F4A7C15U;
    std::uint64_t bits = (seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9U;
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBU;
    return bits ^ (bits >> 31);
  }

  // Tries one token in four, and returns those that the mask allows.
  std::vector<Token> check_mask(const Matcher::State& state,
                                std::uint64_t seed) const {
    const auto mask = matcher_.mask(state);
    std::vector<Token> allowed;
    for (Token token = 0; token < mask->vocab_size(); ++token) {
      if (mask->allows(token)) allowed.push_back(token);
      if (draw(seed) % 4 != 0) continue;
      Matcher::State next = state;
      if (matcher_.advance(next, token) != mask->allows(token)) std::abort();
    }
    return allowed;
  }

  void check_forced(const Matcher::State& state) const {
    Matcher::State next = state;
    for (const char byte : matcher_.forced_bytes(state, 8)) {
      const Token token = static_cast<unsigned char>(byte);
      if (matcher_.may_end(next) || !matcher_.advance(next, token))
        std::abort();
    }
  }

  void add(Token token) {
    const std::string_view bytes = small_vocabulary()->bytes(token);
    if (bytes.empty() || is_token_of_grammar(token)) has_tokens_ = true;
    text_ += bytes;
  }

  // A grammar may name a token that has bytes; then what was read is not known
  // from the bytes.
  bool is_token_of_grammar(Token token) const {
    for (Grammar::Expr expr = 0; expr < grammar_.exprs(); ++expr) {
      const Grammar::Node& node = grammar_.node(expr);
      if (node.kind == Grammar::Kind::kToken && node.token == token)
        return true;
    }
    return false;
  }

  void check_text(bool may_end) const {
    constexpr std::int64_t kMostExprs = 300;
    constexpr std::size_t kMostBytes = 24;
    if (has_tokens_ || grammar_.exprs() > kMostExprs ||
        text_.size() > kMostBytes) {
      return;
    }
    const Recogniser recogniser(grammar_, symbols_of(text_));
    if (!recogniser.is_prefix() || recogniser.matches() != may_end) {
      std::abort();
    }
  }

  const Grammar& grammar_;
  Matcher matcher_;
  std::string text_;
  bool has_tokens_ = false;
};

// `source` is what the grammar was made from.
inline void try_reading(const Grammar& grammar, std::string_view source) {
  ReadingTrial(grammar).read(std::hash<std::string_view>()(source));
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_CONSTRAINT_TESTING_TRY_READING_H_
