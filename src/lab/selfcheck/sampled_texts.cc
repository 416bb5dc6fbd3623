#include "lab/selfcheck/sampled_texts.h"

#include <cassert>
#include <cmath>
#include <memory>
#include <span>

#include "engine/drafters.h"
#include "lab/selfcheck/noisy_scorer.h"
#include "pilotfish/error.h"
#include "pilotfish/scorer.h"
#include "sampling/chi_square.h"
#include "speculative/drafters/model_drafter.h"
#include "speculative/loop/decode_all.h"
#include "speculative/loop/decoder.h"

namespace pilotfish {
namespace {

constexpr std::int64_t kTogether = 48;  // sequences in a batch
constexpr float kNoise = 2;             // of logits: about half are refused

}  // namespace

void TextCounts::add(std::span<const Token> text, std::int64_t drafted,
                     std::int64_t accepted, const TextCells& cells) {
  counts_.resize(cells.probabilities().size());
  ++counts_[cells.cell_of(text)];
  ++texts_;
  drafted_ += drafted;
  accepted_ += accepted;
}

DistributionResult TextCounts::tested(const TextCells& cells) const {
  const std::span<const double> probabilities = cells.probabilities();
  assert(counts_.size() == probabilities.size());
  const ChiSquare test = chi_square(counts_, probabilities);
  DistributionResult result;
  result.texts = texts_;
  result.drafted = drafted_;
  result.accepted = accepted_;
  result.statistic = test.statistic;
  result.degrees = test.degrees;
  result.p_value = test.p_value();
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    const double share = counts_[i] / static_cast<double>(texts_);
    result.distance += std::abs(share - probabilities[i]) / 2;
  }
  return result;
}

void add_texts(Scorer& target, Drafter& drafter, const TextRecipe& recipe,
               const TextCells& cells, const SampledRun& run,
               std::int64_t texts, std::uint64_t first_seed,
               TextCounts& counts) {
  SpeculativeDecoder decoder(target, drafter, run.acceptor,
                             {.window = recipe.max_tokens});
  decode_all(
      decoder, static_cast<std::uint64_t>(texts), kTogether,
      [&](std::uint64_t i) {
        SequenceOptions sequence;
        sequence.prompt = recipe.prompt;
        sequence.max_tokens = recipe.max_tokens;
        sequence.sampling = recipe.sampling;
        sequence.sampling.seed = first_seed + i;
        sequence.stop_tokens = recipe.stop_tokens;
        sequence.prediction = run.prediction;
        return sequence;
      },
      [&](const Sequence& sequence) {
        if (sequence.failure()) throw Error(sequence.failure()->text);
        IterationSummary iterations;
        iterations.add(sequence.iterations());
        counts.add(sequence.generated(), iterations.drafted,
                   iterations.accepted, cells);
      });
}

DistributionResult test_sampled_texts(const SelfcheckPair& models,
                                      DType kv_dtype, const TextRecipe& recipe,
                                      const TextCells& cells,
                                      const SampledRun& run, std::int64_t texts,
                                      std::uint64_t first_seed) {
  const KvCacheOptions cache = {
      .n_positions = std::ssize(recipe.prompt) + recipe.max_tokens + 1,
      .max_sequences = kTogether,
      .dtype = kv_dtype};
  ModelScorer target(models.target, cache);
  ModelScorer draft(models.draft ? models.draft : models.target, cache);
  NoisyScorer noisy_draft(draft, kNoise);
  const std::unique_ptr<Drafter> drafter =
      run.drafters.empty()
          ? std::make_unique<ModelDrafter>(noisy_draft, target.vocab_size())
          : make_drafter({.drafters = run.drafters}, target, &draft);
  TextCounts counts;
  add_texts(target, *drafter, recipe, cells, run, texts, first_seed, counts);
  return counts.tested(cells);
}

}  // namespace pilotfish
