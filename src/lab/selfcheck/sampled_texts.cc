#include "lab/selfcheck/sampled_texts.h"

#include <algorithm>
#include <utility>

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
  const std::shared_ptr<Model> draft_model =
      models.draft ? models.draft : models.target;
  ModelScorer draft(draft_model, cache);
  NoisyScorer noisy_draft(draft_model, cache, kNoise);
  std::unique_ptr<Drafter> drafter =
      run.drafters.empty()
          ? std::make_unique<ModelDrafter>(noisy_draft, target.vocab_size())
          : make_drafter({.drafters = run.drafters}, target, &draft);
  if (run.wrap) drafter = run.wrap(std::move(drafter));
  SpeculativeDecoder decoder(target, *drafter, run.acceptor,
                             {.window = recipe.max_tokens});

  DistributionResult result;
  result.texts = texts;
  IterationSummary iterations;
  std::vector<double> counts(cells.probabilities().size());
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
        if (sequence.failure()) throw Error(*sequence.failure());
        ++counts[cells.cell_of(sequence.generated())];
        iterations.add(sequence.iterations());
      });
  result.drafted = iterations.drafted;
  result.accepted = iterations.accepted;
  const ChiSquare test = chi_square(counts, cells.probabilities());
  result.statistic = test.statistic;
  result.degrees = test.degrees;
  result.p_value = test.p_value();
  return result;
}

}  // namespace pilotfish
