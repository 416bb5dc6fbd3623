#include "engine/constraint_rule.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "pilotfish/error.h"
#include "text/utf8.h"

namespace pilotfish {
namespace {

// A text's state, and why it cannot be followed further; empty: it can.
struct Reading {
  Matcher::State state;
  std::string fault = {};
};

const Reading& reading(const TokenRule::State& state) {
  return *static_cast<const Reading*>(state.get());
}

}  // namespace

ConstraintRule::ConstraintRule(
    const std::shared_ptr<const Constraint>& constraint,
    std::shared_ptr<const ConstraintVocabulary> vocabulary,
    std::shared_ptr<const Tokenizer> tokenizer)
    : vocabulary_(std::move(vocabulary)),
      tokenizer_(std::move(tokenizer)),
      matcher_(constraint, vocabulary_) {}

TokenRule::State ConstraintRule::begin() const {
  return std::make_shared<const Reading>(Reading{matcher_.begin()});
}

TokenRule::State ConstraintRule::after(const State& state, Token token) const {
  if (!reading(state).fault.empty()) return nullptr;
  Reading next = {reading(state).state};
  try {
    if (!matcher_.advance(next.state, token)) return nullptr;
  } catch (const Error& error) {
    next.fault = error.what();
  }
  return std::make_shared<const Reading>(std::move(next));
}

bool ConstraintRule::may_end(const State& state) const {
  return reading(state).fault.empty() && matcher_.may_end(reading(state).state);
}

bool ConstraintRule::must_end(const State& state) const {
  if (!may_end(state)) return false;
  const auto mask = mask_of(state);
  return mask != nullptr && mask->count() == 0;
}

bool ConstraintRule::allow(const State& state,
                           std::vector<std::uint64_t>& allowed) const {
  const auto mask = mask_of(state);
  if (mask == nullptr) return false;
  const std::span<const std::uint64_t> words = mask->words();
  allowed.assign(words.begin(), words.end());
  return true;
}

// Null where there are too many readings.
std::shared_ptr<const TokenMask> ConstraintRule::mask_of(
    const State& state) const {
  if (!reading(state).fault.empty()) return nullptr;
  try {
    return matcher_.mask(reading(state).state);
  } catch (const Error&) {
    return nullptr;
  }
}

std::string ConstraintRule::fault(const State& state) const {
  if (!reading(state).fault.empty()) return reading(state).fault;
  try {
    matcher_.mask(reading(state).state);
  } catch (const Error& error) {
    return error.what();
  }
  return "no token of the vocabulary spells what has to come next";
}

std::vector<Token> ConstraintRule::forced(const State& state,
                                          std::span<const Token> text,
                                          std::int64_t most) const {
  std::vector<Token> tokens;
  if (!reading(state).fault.empty()) return tokens;
  Matcher::State at = reading(state).state;
  std::string before = end_of(text);
  try {
    while (std::ssize(tokens) < most) {
      const std::vector<Token> next =
          cut_forced(at, before, most - std::ssize(tokens));
      if (next.empty()) break;
      for (const Token token : next) {
        if (std::ssize(tokens) == most || !matcher_.advance(at, token)) {
          return tokens;
        }
        tokens.push_back(token);
        before += vocabulary_->bytes(token);
      }
    }
  } catch (const Error&) {
    // What is known is forced all the same.
  }
  return tokens;
}

// The text of the latest tokens, from where a character begins.
std::string ConstraintRule::end_of(std::span<const Token> text) const {
  constexpr std::size_t kTokens = 8;
  std::string end;
  for (const Token token : text.last(std::min(text.size(), kTokens))) {
    end += vocabulary_->bytes(token);
  }
  const auto continues = [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
  };
  end.erase(end.begin(), std::ranges::find_if_not(end, continues));
  return end;
}

// The next tokens that are forced: those of forced bytes, or a special one.
std::vector<Token> ConstraintRule::cut_forced(const Matcher::State& state,
                                              std::string_view before,
                                              std::int64_t most) const {
  // More than most tokens have, so that these are enough for `most` of them.
  constexpr std::int64_t kBytes = 12;
  std::string bytes = matcher_.forced_bytes(state, most * kBytes);
  bytes.resize(utf8_complete_length(bytes));
  if (!bytes.empty()) {
    const std::vector<Token> tokens = cut(before, bytes);
    return tokens.empty() ? cut("\n", bytes) : tokens;
  }
  const std::optional<Token> special = matcher_.forced_token(state);
  if (!special) return {};
  return {*special};
}

// The tokens of `bytes` as they are cut behind `before`; none where a token
// goes over the border.
std::vector<Token> ConstraintRule::cut(std::string_view before,
                                       std::string_view bytes) const {
  const std::vector<Token> all =
      tokenizer_->encode(std::string(before) + std::string(bytes),
                         {.add_special = false, .parse_special = false});
  std::size_t left = bytes.size();
  auto first = all.end();
  while (left > 0 && first != all.begin()) {
    const std::size_t size = vocabulary_->bytes(*--first).size();
    if (size == 0 || size > left) return {};
    left -= size;
  }
  if (left > 0) return {};
  return {first, all.end()};
}

}  // namespace pilotfish
