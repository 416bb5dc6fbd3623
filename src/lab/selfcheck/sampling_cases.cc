#include "lab/selfcheck/sampling_cases.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace pilotfish {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr std::size_t kFew = 6;  // tokens, so that they come again soon

// Penalties and bad words need tokens that come again within a few: only some
// are allowed.
SamplingParams among_few(std::span<const Token> likely) {
  SamplingParams params;
  params.temperature = 1;
  const auto few = likely.first(std::min(likely.size(), kFew));
  params.allowed_tokens.assign(few.begin(), few.end());
  return params;
}

// A third of all pairs, and one token alone.
std::vector<std::vector<Token>> some_pairs(std::span<const Token> tokens) {
  std::vector<std::vector<Token>> words = {{tokens.back()}};
  for (std::size_t a = 0; a < tokens.size(); ++a) {
    for (std::size_t b = 0; b < tokens.size(); ++b) {
      if ((a + b) % 3 == 0) words.push_back({tokens[a], tokens[b]});
    }
  }
  return words;
}

SamplingParams everything(std::span<const Token> likely) {
  SamplingParams params;
  params.temperature = 1.3;
  params.top_k = 24;
  params.typical_p = 0.97;
  params.top_p = 0.95;
  params.min_p = 0.01;
  params.repetition_penalty = 1.2;
  params.frequency_penalty = 0.5;
  params.presence_penalty = 0.3;
  params.penalty_window = 3;
  params.logit_bias = {{likely[0], 1.f}};
  params.banned_tokens = {likely[1 % likely.size()]};
  params.bad_words = {{likely[0], likely[0]}};
  params.min_tokens = 2;
  return params;
}

}  // namespace

std::vector<SamplingCase> sampling_cases(std::span<const Token> likely,
                                         BadWords bad_words) {
  SamplingParams base;
  base.temperature = 1;
  std::vector<SamplingCase> cases;
  const auto add = [&](const char* name, SamplingParams params,
                       const std::function<void(SamplingParams&)>& change) {
    change(params);
    cases.push_back({name, params});
  };
  const SamplingParams few = among_few(likely);
  add("temperature 1", base, [](auto&) {});
  add("temperature 0.6", base, [](auto& p) { p.temperature = 0.6; });
  add("top-k 8", base, [](auto& p) { p.top_k = 8; });
  add("typical-p 0.8", base, [](auto& p) { p.typical_p = 0.8; });
  add("top-p 0.8", base, [](auto& p) { p.top_p = 0.8; });
  add("min-p 0.05", base, [](auto& p) { p.min_p = 0.05; });
  add("logit bias", base, [&](auto& p) {
    p.logit_bias = {{likely.front(), 2.f}, {likely.back(), kNever}};
  });
  add("banned tokens", base, [&](auto& p) {
    p.banned_tokens.assign(
        likely.begin(), likely.begin() + static_cast<long>(likely.size() / 2));
  });
  add("allowed tokens", few, [](auto&) {});
  if (bad_words == BadWords::kSome) {
    add("bad words", few,
        [](auto& p) { p.bad_words = some_pairs(p.allowed_tokens); });
  }
  add("repetition penalty", few, [](auto& p) { p.repetition_penalty = 1.5; });
  add("frequency penalty", few, [](auto& p) { p.frequency_penalty = 1.5; });
  add("presence penalty", few, [](auto& p) {
    p.presence_penalty = 2;
    p.penalty_window = 2;
  });
  add("stop tokens", few, [](auto&) {});
  cases.back().stop_tokens = {likely.front()};
  add("min tokens", few, [](auto& p) { p.min_tokens = 3; });
  cases.back().stop_tokens = {likely.front()};
  add("all together", everything(likely), [&](auto& p) {
    if (bad_words == BadWords::kNone) p.bad_words.clear();
  });
  cases.back().stop_tokens = {likely.back()};
  return cases;
}

}  // namespace pilotfish
