#ifndef PILOTFISH_LAB_SELFCHECK_SAMPLING_CASES_H_
#define PILOTFISH_LAB_SELFCHECK_SAMPLING_CASES_H_

#include <span>
#include <string>
#include <vector>

#include "pilotfish/sampling.h"
#include "pilotfish/token.h"

namespace pilotfish {

// A way to sample, named after what it turns on.
struct SamplingCase {
  std::string name;
  SamplingParams sampling;
  std::vector<Token> stop_tokens = {};
};

// Servers take bad words as texts, which can be other tokens.
enum class BadWords { kSome, kNone };

// Every sampling parameter alone, and all together. `likely`, the likeliest
// tokens first, are for parameters that name some. The first case is
// temperature 1 and nothing else.
std::vector<SamplingCase> sampling_cases(std::span<const Token> likely,
                                         BadWords bad_words = BadWords::kSome);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_SAMPLING_CASES_H_
