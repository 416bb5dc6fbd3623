#include "lab/selfcheck/sampling_plan.h"

#include <algorithm>

#include "lab/selfcheck/probe.h"

namespace pilotfish {
namespace {

constexpr std::int64_t kPromptTokens = 2;
constexpr double kCellExpects = 20;       // texts, at least
constexpr std::size_t kRowsPerCase = 64;  // of the target, for its cells
constexpr std::size_t kLikelyTokens = 8;

// Tokens below it are known to both models.
std::int64_t shared_vocab_size(const SelfcheckPair& models) {
  const std::int64_t target = models.target->config().vocab_size;
  return models.draft ? std::min(target, models.draft->config().vocab_size)
                      : target;
}

}  // namespace

SamplingPlan::SamplingPlan(const SelfcheckPair& models,
                           const SelfcheckOptions& options, BadWords bad_words)
    : options_(options),
      rows_(models.target, {.n_positions = kPromptTokens + kSampledTokens,
                            .max_sequences = 1,
                            .dtype = options.kv_dtype}),
      prompt_(telling_beginning(
          rows_, options.prompts, shared_vocab_size(models),
          models.target->config().eos, kSampledTokens, least_cell())),
      likely_(likely_tokens(rows_, prompt_, models.target->config().eos,
                            kLikelyTokens)),
      prediction_(likeliest_text(rows_, prompt_, kSampledTokens)),
      cases_(sampling_cases(likely_, bad_words)) {}

double SamplingPlan::least_cell() const {
  return kCellExpects / static_cast<double>(options_.trials);
}

TextRecipe SamplingPlan::recipe(std::size_t index) const {
  return {prompt_, cases_[index].sampling, cases_[index].stop_tokens,
          kSampledTokens};
}

const TextCells& SamplingPlan::cells(std::size_t index) {
  if (!cells_ || cells_of_ != index) {
    cells_.emplace(rows_, recipe(index), least_cell(), kRowsPerCase);
    cells_of_ = index;
  }
  return *cells_;
}

}  // namespace pilotfish
