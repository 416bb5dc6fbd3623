#include "speculative/drafters/prediction_drafter.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "speculative/drafters/copied_draft.h"

namespace pilotfish {

std::vector<Draft> PredictionDrafter::propose(
    std::span<const DraftRequest> requests) {
  std::vector<Draft> drafts(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    const Sequence& sequence = *requests[i].sequence;
    if (requests[i].length == 0 || sequence.prediction().empty()) continue;
    Place& place = places_.find_or_make(sequence.key);
    follow(sequence.prediction(), sequence.generated(), place);
    CopiedDraft copy(requests[i]);
    Place ahead = place;
    if (copy.draft().size() > 0) {
      follow(sequence.prediction(), copy.output(), ahead);
    }
    if (ahead.lost) continue;
    drafts[i] =
        copied_draft(std::move(copy), sequence.prediction(), ahead.next);
  }
  return drafts;
}

void PredictionDrafter::follow(std::span<const Token> prediction,
                               std::span<const Token> generated, Place& place) {
  for (; place.seen < std::ssize(generated); ++place.seen) {
    const bool as_predicted = !place.lost &&
                              place.next < std::ssize(prediction) &&
                              prediction[static_cast<size_t>(place.next)] ==
                                  generated[static_cast<size_t>(place.seen)];
    // Also where it is lost: an edit mostly keeps the length.
    ++place.next;
    place.lost = !as_predicted;
  }
  if (place.lost) look_up(prediction, generated, place);
}

// Behind the longest match with the last tokens generated; the nearest to the
// place expected among equals.
void PredictionDrafter::look_up(std::span<const Token> prediction,
                                std::span<const Token> generated,
                                Place& place) {
  const std::int64_t most = std::min(kLongest, std::ssize(generated));
  std::int64_t longest = kShortest - 1;
  std::int64_t found = -1;
  for (std::int64_t end = kShortest; end <= std::ssize(prediction); ++end) {
    std::int64_t length = 0;
    while (length < std::min(most, end) &&
           prediction[static_cast<size_t>(end - 1 - length)] ==
               generated[generated.size() - 1 - static_cast<size_t>(length)]) {
      ++length;
    }
    const bool nearer =
        length == longest && found >= 0 &&
        std::abs(end - place.next) < std::abs(found - place.next);
    if (length <= longest && !nearer) continue;
    longest = length;
    found = end;
  }
  if (found < 0) return;
  place.next = found;
  place.lost = false;
}

}  // namespace pilotfish
