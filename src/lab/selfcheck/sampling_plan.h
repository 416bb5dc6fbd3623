#ifndef PILOTFISH_LAB_SELFCHECK_SAMPLING_PLAN_H_
#define PILOTFISH_LAB_SELFCHECK_SAMPLING_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lab/selfcheck/sampling_cases.h"
#include "lab/selfcheck/target_rows.h"
#include "lab/selfcheck/text_cells.h"
#include "pilotfish/lab/selfcheck.h"
#include "pilotfish/token.h"

namespace pilotfish {

// Sampled texts have this many tokens: the first comes with the prompt, then a
// window drafts two, so that accepted, recovered and bonus tokens and a second
// window all come up. Few tokens, since the prompt is encoded for every text.
inline constexpr std::int64_t kSampledTokens = 4;

// Far apart, or another seed would give nearly the same texts.
inline std::uint64_t seed_of_step(std::uint64_t seed, std::size_t step) {
  constexpr std::uint64_t kStride = 0x9E3779B97F4A7C15;
  return seed * kStride + (std::uint64_t{step} << 32);
}

// What is sampled: the prompt that tells most, every case of sampling, and the
// cells into which the texts of a case fall.
class SamplingPlan {
 public:
  // Both must outlive this.
  SamplingPlan(const SelfcheckPair& models, const SelfcheckOptions& options,
               BadWords bad_words = BadWords::kSome);

  const std::vector<Token>& prompt() const { return prompt_; }
  // Tokens that may follow it, the likeliest first.
  const std::vector<Token>& likely() const { return likely_; }
  // The text that follows it at temperature 0.
  const std::vector<Token>& prediction() const { return prediction_; }
  std::span<const SamplingCase> cases() const { return cases_; }

  TextRecipe recipe(std::size_t index) const;
  // Keeps those of one case: ask for one case after another.
  const TextCells& cells(std::size_t index);

 private:
  double least_cell() const;

  const SelfcheckOptions& options_;
  TargetRows rows_;
  std::vector<Token> prompt_;
  std::vector<Token> likely_;
  std::vector<Token> prediction_;
  std::vector<SamplingCase> cases_;
  std::optional<TextCells> cells_;
  std::size_t cells_of_ = 0;
};

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_SAMPLING_PLAN_H_
