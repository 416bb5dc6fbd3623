#include "speculative/drafter.h"

#include <algorithm>
#include <cassert>

#include "speculative/keyed_chance.h"

namespace pilotfish {

void report_fault(const DraftRequest& request, std::int64_t position,
                  const RowFault& fault) {
  if (!fault.is_models || request.failure == nullptr) return;
  if (!*request.failure) {
    *request.failure = fault_message("draft", position, fault);
  }
}

std::vector<Token> forced_next(const TokenRule* rule,
                               const TokenRule::State& state,
                               std::span<const Token> text, std::int64_t most) {
  if (rule == nullptr || state == nullptr || most <= 0) return {};
  return rule->forced(state, text, most);
}

Token draw_drafted(const Distribution& q, const DraftRequest& request,
                   std::size_t place) {
  const auto position = static_cast<std::uint64_t>(request.history->size());
  return draw_branch(q, request, position, place, 0);
}

// A number of its own for each visit of a position: what a verdict has seen and
// thrown away is drawn anew by the next window, at an earlier place.
Token draw_branch(const Distribution& q, const DraftRequest& request,
                  std::uint64_t position, std::size_t place,
                  std::size_t branch) {
  const Random& random = request.sequence->random();
  if (request.noise == DraftNoise::kShared) {
    return gumbel_draw(q, random, position);
  }
  return q.sample(
      random.uniform(position, RandomRole::kDraft, draft_index(place, branch)));
}

std::span<const float> PassOutput::hidden(std::int64_t layer,
                                          std::int64_t row) const {
  const auto found = std::ranges::lower_bound(layers_, layer);
  assert(found != layers_.end() && *found == layer);
  return output_.hidden.row(found - layers_.begin(), row);
}

}  // namespace pilotfish
