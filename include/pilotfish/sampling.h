#ifndef PILOTFISH_SAMPLING_H_
#define PILOTFISH_SAMPLING_H_

#include <cstdint>
#include <map>
#include <vector>

#include "pilotfish/token.h"

namespace pilotfish {

// How a row of logits becomes the distribution that a token is drawn from. The
// steps apply in the order of the fields, to the target and to the draft alike,
// at every position of a window with the tokens drafted before it counted.
struct SamplingParams {
  // Where there are any, nothing else is generated.
  std::vector<Token> allowed_tokens;
  std::vector<Token> banned_tokens;
  // Sequences of tokens that must not come about: the last token of each is
  // banned wherever the others come just before it, in the prompt also.
  std::vector<std::vector<Token>> bad_words;

  // Added to the logits. -infinity bans a token.
  std::map<Token, float> logit_bias;

  // Keskar et al. 2019, arXiv 1909.05858: a positive logit of a token that
  // occurred (prompt included) is divided by it, a negative one multiplied.
  // 1: off.
  double repetition_penalty = 1;
  // OpenAI's: subtracted once for each time a token was generated, and once if
  // it was at all. The prompt does not count. 0: off.
  double frequency_penalty = 0;
  double presence_penalty = 0;
  // How many of the latest tokens the penalties look at; 0: all.
  std::int64_t penalty_window = 0;

  // The stop tokens cannot come before so many tokens are generated.
  std::int64_t min_tokens = 0;

  // 0: greedy, the token of the largest logit (the smallest id among equals);
  // the truncations below do not change it.
  double temperature = 0;
  std::int64_t top_k = 0;  // keep the k most probable; 0: off
  // Locally typical sampling, Meister et al. 2022, arXiv 2202.00666. 1: off.
  double typical_p = 1;
  // Nucleus sampling, Holtzman et al. 2019, arXiv 1904.09751: the fewest tokens
  // whose probabilities reach p. 1: off.
  double top_p = 1;
  // Keep what is at least this share of the most probable one's (Nguyen et al.
  // 2024, arXiv 2407.01082). 0: off.
  double min_p = 0;

  std::uint64_t seed = 0;
};

// Throws UsageError, naming the parameter, its value and what is allowed.
void validate(const SamplingParams& params);

}  // namespace pilotfish

#endif  // PILOTFISH_SAMPLING_H_
