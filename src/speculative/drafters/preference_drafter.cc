#include "speculative/drafters/preference_drafter.h"

#include <algorithm>
#include <cassert>
#include <set>
#include <utility>

namespace pilotfish {

PreferenceDrafter::PreferenceDrafter(
    std::vector<std::unique_ptr<Drafter>> drafters)
    : drafters_(std::move(drafters)) {
  std::set<std::int64_t> layers;
  for (const auto& drafter : drafters_) {
    layers.insert(drafter->hidden_layers().begin(),
                  drafter->hidden_layers().end());
  }
  hidden_layers_.assign(layers.begin(), layers.end());
  // What is forced goes into the drafts of those behind it, so that they are
  // asked first.
  const auto forced = std::ranges::find_if(
      drafters_, [](const auto& drafter) { return drafter->is_forced(); });
  takes_forced_from_ = static_cast<size_t>(forced - drafters_.begin());
  for (size_t source = 0; source < drafters_.size(); ++source) {
    if (source != takes_forced_from_) order_.push_back(source);
  }
  if (forced != drafters_.end()) order_.push_back(takes_forced_from_);
}

std::vector<Draft> PreferenceDrafter::propose(
    std::span<const DraftRequest> requests) {
  std::vector<Draft> drafts(requests.size());
  std::vector<DraftRequest> open;
  std::vector<size_t> places;
  for (const size_t source : order_) {
    open.clear();
    places.clear();
    for (size_t i = 0; i < requests.size(); ++i) {
      if (drafts[i].size() > 0) continue;
      if (!requests[i].sequence->may_draft_from(source)) continue;
      DraftRequest request = requests[i];
      request.takes_forced =
          source > takes_forced_from_ &&
          request.sequence->may_draft_from(takes_forced_from_);
      if (request.guide != nullptr) {
        request.length = std::min(request.length, request.guide->ask(source));
        if (request.length == 0) continue;
      }
      open.push_back(request);
      places.push_back(i);
    }
    if (open.empty()) continue;
    std::vector<Draft> proposed = drafters_[source]->propose(open);
    assert(proposed.size() == open.size());
    for (size_t i = 0; i < open.size(); ++i) {
      drafts[places[i]] = std::move(proposed[i]);
      drafts[places[i]].drafter = source;
    }
  }
  return drafts;
}

void PreferenceDrafter::recycle(std::vector<Draft>&& drafts) {
  for (size_t source = 0; source < drafters_.size(); ++source) {
    std::vector<Draft> own;
    for (Draft& draft : drafts) {
      if (draft.drafter == source) own.push_back(std::move(draft));
    }
    if (!own.empty()) drafters_[source]->recycle(std::move(own));
  }
}

void PreferenceDrafter::commit(std::span<const PassRows> passes,
                               const PassOutput& output) {
  for (const auto& drafter : drafters_) drafter->commit(passes, output);
}

void PreferenceDrafter::release(SequenceKey key) {
  for (const auto& drafter : drafters_) drafter->release(key);
}

}  // namespace pilotfish
