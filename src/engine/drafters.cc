#include "engine/drafters.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "pilotfish/error.h"
#include "speculative/drafters/model_drafter.h"
#include "speculative/drafters/ngram_drafter.h"
#include "speculative/drafters/prediction_drafter.h"
#include "speculative/drafters/preference_drafter.h"
#include "speculative/drafters/suffix_drafter.h"
#include "speculative/drafters/tree_drafter.h"
#include "speculative/first_layers.h"

namespace pilotfish {
namespace {

std::unique_ptr<Drafter> make_model_drafter(const EngineOptions& options,
                                            const Scorer& target,
                                            ModelScorer* draft) {
  if (draft == nullptr) {
    throw UsageError("drafter model: there is no draft model");
  }
  if (options.tree_width == 1) {
    return std::make_unique<ModelDrafter>(*draft, target.vocab_size(),
                                          options.prefill_chunk);
  }
  if (options.acceptor != nullptr && !options.acceptor->takes_trees()) {
    throw UsageError(fmt::format(
        "acceptor {}: it judges one candidate a place, and tree_width is {}",
        options.acceptor->name(), options.tree_width));
  }
  return std::make_unique<TreeDrafter>(
      *draft, target.vocab_size(), options.tree_width, options.prefill_chunk);
}

std::unique_ptr<Drafter> make_suffix_drafter(const EngineOptions& options,
                                             const Scorer& target) {
  if (options.corpus.empty()) return std::make_unique<SuffixDrafter>(nullptr);
  for (const Token token : options.corpus) {
    if (token >= 0 && token < target.vocab_size()) continue;
    throw UsageError(
        fmt::format("corpus: token {} is outside the model's vocabulary of {}",
                    token, target.vocab_size()));
  }
  return std::make_unique<SuffixDrafter>(make_corpus(options.corpus));
}

std::unique_ptr<Drafter> make_one(DrafterKind kind,
                                  const EngineOptions& options,
                                  ModelScorer& target, ModelScorer* draft) {
  switch (kind) {
    case DrafterKind::kModel:
      return make_model_drafter(options, target, draft);
    case DrafterKind::kNgram:
      return std::make_unique<NgramDrafter>();
    case DrafterKind::kSuffix:
      return make_suffix_drafter(options, target);
    case DrafterKind::kPrediction:
      return std::make_unique<PredictionDrafter>();
    case DrafterKind::kSkip: {
      const std::int64_t half = (target.model().config().n_layers() + 1) / 2;
      return std::make_unique<ModelDrafter>(
          std::make_unique<FirstLayers>(
              target, options.skip_layers == 0 ? half : options.skip_layers),
          target.vocab_size(), options.prefill_chunk);
    }
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<Drafter> make_drafter(const EngineOptions& options,
                                      ModelScorer& target, ModelScorer* draft) {
  std::vector<DrafterKind> kinds = options.drafters;
  if (kinds.empty() && draft != nullptr) kinds = {DrafterKind::kModel};
  if (kinds.empty()) return std::make_unique<NoDrafter>();
  if (kinds.size() == 1) return make_one(kinds[0], options, target, draft);
  std::vector<std::unique_ptr<Drafter>> drafters;
  for (size_t i = 0; i < kinds.size(); ++i) {
    if (std::find(kinds.begin(), kinds.begin() + static_cast<long>(i),
                  kinds[i]) != kinds.begin() + static_cast<long>(i)) {
      throw UsageError(
          fmt::format("drafter {}: is there twice", drafter_name(kinds[i])));
    }
    drafters.push_back(make_one(kinds[i], options, target, draft));
  }
  return std::make_unique<PreferenceDrafter>(std::move(drafters));
}

}  // namespace pilotfish
