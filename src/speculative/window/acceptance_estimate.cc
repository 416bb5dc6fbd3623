#include "speculative/window/acceptance_estimate.h"

#include <algorithm>
#include <cassert>

namespace pilotfish {
namespace {

constexpr double kUnknown = 0.7;    // acceptance of a draft never seen
constexpr double kPlaceWeight = 3;  // judged tokens that a prior counts for
constexpr double kBinWeight = 4;
// Drafts are a little less sure than they are right, as far as one can say of
// all of them.
constexpr double kLeastOfBin = 0.2;

}  // namespace

// Narrow where confidence is high: there it decides about long windows.
std::size_t AcceptanceEstimate::bin_of(double confidence) {
  constexpr std::array<double, kBins - 1> kEdges = {0.1, 0.25, 0.45, 0.65,
                                                    0.8, 0.9,  0.97};
  return static_cast<std::size_t>(std::ranges::upper_bound(kEdges, confidence) -
                                  kEdges.begin());
}

void AcceptanceEstimate::add(std::int64_t drafted, std::int64_t accepted,
                             std::span<const double> confidences) {
  assert(0 <= accepted && accepted <= drafted);
  const auto fade = [this](Share& share) {
    share.accepted *= decay_;
    share.judged *= decay_;
  };
  std::ranges::for_each(places_, fade);
  std::ranges::for_each(bins_, fade);
  const auto judged = static_cast<size_t>(std::min(drafted, accepted + 1));
  if (places_.size() < judged) places_.resize(judged);
  for (size_t i = 0; i < judged; ++i) {
    const double hit = static_cast<std::int64_t>(i) < accepted ? 1 : 0;
    const auto count = [hit](Share& share) {
      share.accepted += hit;
      share.judged += 1;
    };
    count(places_[i]);
    if (i < confidences.size()) count(bins_[bin_of(confidences[i])]);
  }
}

void AcceptanceEstimate::restart(double acceptance) {
  expected_ = acceptance;
  places_.clear();
  bins_ = {};
}

double AcceptanceEstimate::at(std::int64_t place) const {
  double acceptance = expected_ >= 0 ? expected_
                      : usual_       ? usual_->at(0)
                                     : kUnknown;
  for (std::int64_t i = 0; i <= std::min(place, std::ssize(places_) - 1); ++i) {
    acceptance =
        places_[static_cast<size_t>(i)].with_prior(acceptance, kPlaceWeight);
  }
  return acceptance;
}

double AcceptanceEstimate::of(double confidence) const {
  const double prior = usual_ ? usual_->of(confidence)
                              : kLeastOfBin + (1 - kLeastOfBin) * confidence;
  return bins_[bin_of(confidence)].with_prior(prior, kBinWeight);
}

}  // namespace pilotfish
