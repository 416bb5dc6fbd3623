#include <fmt/format.h>

#include <cmath>
#include <string_view>
#include <vector>

#include "pilotfish/error.h"
#include "pilotfish/sampling.h"

namespace pilotfish {
namespace {

void require(bool holds, std::string_view name, double value,
             std::string_view allowed) {
  if (holds) return;
  throw UsageError(fmt::format("{}: {} is out of range; allowed is {}", name,
                               value, allowed));
}

void require(bool holds, std::string_view name, std::int64_t value,
             std::string_view allowed) {
  if (holds) return;
  throw UsageError(fmt::format("{}: {} is out of range; allowed is {}", name,
                               value, allowed));
}

}  // namespace

void validate(const SamplingParams& params) {
  const auto require_tokens = [](std::string_view name,
                                 const std::vector<Token>& tokens) {
    for (const Token token : tokens) {
      require(token >= 0, name, std::int64_t{token}, "a token id of 0 or more");
    }
  };
  require_tokens("allowed_tokens", params.allowed_tokens);
  require_tokens("banned_tokens", params.banned_tokens);
  for (const std::vector<Token>& word : params.bad_words) {
    if (word.empty()) {
      throw UsageError("bad_words: one is empty; it needs at least one token");
    }
    require_tokens("bad_words", word);
  }
  for (const auto& [token, bias] : params.logit_bias) {
    require(token >= 0, "logit_bias", std::int64_t{token},
            "a token id of 0 or more");
    require(!std::isnan(bias) && bias < HUGE_VALF, "logit_bias", double{bias},
            "a finite number, or -inf to ban the token");
  }
  require(
      params.repetition_penalty > 0 && std::isfinite(params.repetition_penalty),
      "repetition_penalty", params.repetition_penalty,
      "a finite number above 0 (1: off)");
  require(std::isfinite(params.frequency_penalty), "frequency_penalty",
          params.frequency_penalty, "a finite number (0: off)");
  require(std::isfinite(params.presence_penalty), "presence_penalty",
          params.presence_penalty, "a finite number (0: off)");
  require(params.penalty_window >= 0, "penalty_window", params.penalty_window,
          "0 (all tokens) or more");
  require(params.min_tokens >= 0, "min_tokens", params.min_tokens, "0 or more");
  require(params.temperature >= 0 && std::isfinite(params.temperature),
          "temperature", params.temperature,
          "a finite number of 0 (greedy) or more");
  require(params.top_k >= 0, "top_k", params.top_k, "0 (off) or more");
  require(params.typical_p > 0 && params.typical_p <= 1, "typical_p",
          params.typical_p, "above 0 and up to 1 (off)");
  require(params.top_p > 0 && params.top_p <= 1, "top_p", params.top_p,
          "above 0 and up to 1 (off)");
  require(params.min_p >= 0 && params.min_p <= 1, "min_p", params.min_p,
          "0 (off) up to 1");
}

}  // namespace pilotfish
