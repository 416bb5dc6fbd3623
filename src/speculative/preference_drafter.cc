#include "speculative/preference_drafter.h"

#include <cassert>
#include <utility>

namespace pilotfish {

PreferenceDrafter::PreferenceDrafter(
    std::vector<std::unique_ptr<Drafter>> drafters)
    : drafters_(std::move(drafters)) {}

std::vector<Draft> PreferenceDrafter::propose(
    std::span<const DraftRequest> requests) {
  std::vector<Draft> drafts(requests.size());
  std::vector<DraftRequest> open;
  std::vector<size_t> places;
  for (const std::unique_ptr<Drafter>& drafter : drafters_) {
    open.clear();
    places.clear();
    for (size_t i = 0; i < requests.size(); ++i) {
      if (drafts[i].size() > 0) continue;
      open.push_back(requests[i]);
      places.push_back(i);
    }
    if (open.empty()) break;
    std::vector<Draft> proposed = drafter->propose(open);
    assert(proposed.size() == open.size());
    for (size_t i = 0; i < open.size(); ++i) {
      drafts[places[i]] = std::move(proposed[i]);
    }
  }
  return drafts;
}

void PreferenceDrafter::commit(const Sequence& sequence) {
  for (const auto& drafter : drafters_) drafter->commit(sequence);
}

void PreferenceDrafter::forget(const Sequence& sequence) {
  for (const auto& drafter : drafters_) drafter->forget(sequence);
}

}  // namespace pilotfish
