#include "sampling/constraints.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <vector>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

// Which tokens of the vocabulary can come at some place.
std::vector<bool> possible_tokens(const SamplingParams& params,
                                  std::int64_t vocab_size) {
  std::vector<bool> possible(static_cast<size_t>(vocab_size),
                             params.allowed_tokens.empty());
  const auto set = [&](Token token, bool value) {
    if (token < vocab_size) possible[static_cast<size_t>(token)] = value;
  };
  for (const Token token : params.allowed_tokens) set(token, true);
  for (const Token token : params.banned_tokens) set(token, false);
  for (const std::vector<Token>& word : params.bad_words) {
    if (word.size() == 1) set(word.front(), false);
  }
  for (const auto& [token, bias] : params.logit_bias) {
    if (bias == -std::numeric_limits<float>::infinity()) set(token, false);
  }
  return possible;
}

bool any_of(const std::vector<bool>& flags) {
  return std::ranges::find(flags, true) != flags.end();
}

}  // namespace

std::string constraint_names(const SamplingParams& params) {
  std::string names;
  const auto add = [&](std::string_view name, bool in_use) {
    if (in_use) names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  };
  add("allowed_tokens", !params.allowed_tokens.empty());
  add("banned_tokens", !params.banned_tokens.empty());
  add("bad_words", !params.bad_words.empty());
  add("logit_bias", !params.logit_bias.empty());
  add("min_tokens", params.min_tokens > 0);
  return names;
}

void check_leaves_tokens(const SamplingParams& params,
                         std::span<const Token> stop_tokens,
                         std::int64_t vocab_size) {
  if (constraint_names(params).empty()) return;
  std::vector<bool> possible = possible_tokens(params, vocab_size);
  if (!any_of(possible)) {
    throw UsageError(
        fmt::format("sampling: no token is left to generate with {}",
                    constraint_names(params)));
  }
  if (params.min_tokens == 0) return;
  for (const Token token : stop_tokens) {
    if (token < vocab_size) possible[static_cast<size_t>(token)] = false;
  }
  if (!any_of(possible)) {
    throw UsageError(fmt::format(
        "sampling: only stop tokens are left to generate with {}, and they "
        "cannot come before {} tokens are generated",
        constraint_names(params), params.min_tokens));
  }
}

}  // namespace pilotfish
