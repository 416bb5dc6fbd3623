#include "lab/selfcheck/target_rows.h"

#include <algorithm>
#include <utility>

namespace pilotfish {

TargetRows::TargetRows(std::shared_ptr<Model> target,
                       const KvCacheOptions& options)
    : owned_(std::make_unique<ModelScorer>(std::move(target), options)),
      scorer_(*owned_),
      id_(scorer_.create()) {}

TargetRows::TargetRows(Scorer& target)
    : scorer_(target), id_(scorer_.create()) {}

std::span<const float> TargetRows::after(std::span<const Token> tokens) {
  // The last token is computed anew in any case, since its row is wanted.
  const auto shared = std::ranges::mismatch(cached_, tokens).in1;
  const std::int64_t kept = scorer_.truncate(
      id_,
      std::min<std::int64_t>(shared - cached_.begin(), std::ssize(tokens) - 1));
  batch_.clear();
  batch_.add(id_, tokens.subspan(static_cast<size_t>(kept)), 1);
  const Logits logits = scorer_.forward(batch_).logits;
  cached_.assign(tokens.begin(), tokens.end());
  return logits.row(0);
}

}  // namespace pilotfish
