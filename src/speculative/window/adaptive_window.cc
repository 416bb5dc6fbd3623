#include "speculative/window/adaptive_window.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

#include "speculative/drafter.h"

namespace pilotfish {
namespace {

constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

// What an engine's first iterations draft, to see what passes cost; a token
// each as long as none was accepted.
constexpr std::array<std::int64_t, 6> kWarmUp = {3, 0, 2, 0, 1, 3};
// Plain passes among those that draft show what one costs now. Each forgoes
// what drafting gains, in all this share of the time: the less it gains, the
// more a mistake matters and the less the passes cost.
constexpr double kPlainShare = 0.01;
constexpr double kPlainMostOften = 6;
constexpr double kPlainLeastOften = 100;
// A window whose costs were seen less often may only look dear. Those a little
// longer than the best are tried, one in so many drafting passes.
constexpr std::int64_t kSeenEnough = 2;
constexpr std::int64_t kLooksFurther = 2;
constexpr std::int64_t kLooksEvery = 8;
// Passes of the target that a drafting pass usually takes.
constexpr double kDraftUnknown = 0.1;
// Rows of context that a drafter encodes in the time of a drafting pass, about.
constexpr double kRowsEncodedPerPass = 4;
// More than so many times the expected is the machine's fault.
constexpr double kOutlier = 2;
// What a window counts for in a source's rows a place.
constexpr double kRowsShare = 0.1;
// Tokens drafted to try a source that rests.
constexpr std::int64_t kTryLength = 1;
struct Best {
  std::int64_t window = 1;
  double rate = 0;  // tokens in the time of a plain pass
};

// The best of the windows that draft `most` tokens at the most. Each row of one
// is a part of a place.
Best best_window(const SpeculationCosts& costs,
                 const AcceptanceEstimate& acceptance, double rows_per_place,
                 std::int64_t most) {
  Best best;
  double survival = acceptance.at(0);
  double tokens = 1;
  std::int64_t place = 0;
  double rows = 0;  // of that place
  for (std::int64_t k = 2; k <= std::min(costs.max_window(), most + 1); ++k) {
    if (rows >= rows_per_place) {
      survival *= acceptance.at(++place);
      rows -= rows_per_place;
    }
    rows += 1;
    tokens += survival / rows_per_place;
    const double rate = tokens / costs.iteration(k);
    if (rate > best.rate) best = {k, rate};
  }
  return best;
}

// What encoding the context that a drafter missed takes, in drafting passes.
double encoding_passes(std::int64_t behind) {
  return static_cast<double>(std::min(behind, DraftRequest::kShortContext)) /
         kRowsEncodedPerPass;
}

// Of an iteration, in plain passes.
double passes_of(const SpeculationCosts& costs, std::int64_t drafted,
                 std::int64_t behind) {
  return costs.iteration(drafted + 1) + costs.draft * encoding_passes(behind);
}

// The time of a drafting pass, in plain passes.
double draft_cost(const PassTimes& times, std::int64_t batch, double plain) {
  if (times.empty()) return kDraftUnknown;
  const double seen = times.estimate(batch) / plain;
  return kDraftUnknown * std::pow(seen / kDraftUnknown, times.trust(batch));
}

}  // namespace

AdaptiveWindow::Guide::Guide(std::span<const Source> sources)
    : offers_(sources.size()) {
  for (const Source& source : sources) trials_.emplace_back(source.usual);
}

std::int64_t AdaptiveWindow::Guide::most() const {
  std::int64_t most = 0;
  for (const Offer& offer : offers_) most = std::max(most, offer.length);
  return most;
}

std::int64_t AdaptiveWindow::Guide::ask(std::size_t source) {
  drafting_ = source;
  return offers_[source].length;
}

bool AdaptiveWindow::Guide::drafted(double confidence) {
  confidences_.push_back(confidence);
  const AcceptanceEstimate& acceptance = trials_[drafting_].acceptance();
  survival_ *= acceptance.of(confidence);
  double survival = survival_;
  return another_pays(std::ssize(confidences_), [&](std::int64_t place) {
    return survival *= acceptance.at(place);
  });
}

bool AdaptiveWindow::Guide::worth(std::int64_t drafted, double likelihood) {
  grows_tree_ = true;
  return another_pays(drafted,
                      [likelihood](std::int64_t) { return likelihood; });
}

// Whether one or more further tokens, each accepted with `likelihood(index)`,
// are expected to bring in what they cost, at the rate that time is worth
// elsewhere.
template <typename Likelihood>
bool AdaptiveWindow::Guide::another_pays(std::int64_t drafted,
                                         const Likelihood& likelihood) const {
  const Offer& offer = offers_[drafting_];
  if (offer.costs.max_window() == 0) return true;  // warming up
  double tokens = 0;
  for (std::int64_t i = drafted; i < offer.length; ++i) {
    tokens += likelihood(i);
    const double cost =
        offer.costs.iteration(i + 2) - offer.costs.iteration(drafted + 1);
    if (tokens >= offer.rate * cost) return true;
  }
  return false;
}

AdaptiveWindow::AdaptiveWindow(std::size_t sources) : sources_(sources) {}

DraftGuide& AdaptiveWindow::plan(const Sequence& sequence, std::int64_t batch) {
  Guide& guide =
      guides_.find_or_make(sequence.key, std::span<const Source>(sources_));
  guide.drafting_ = 0;
  guide.confidences_.clear();
  guide.survival_ = 1;
  guide.grows_tree_ = false;
  guide.planned_ = true;
  make_offers(guide, batch);
  return guide;
}

// A copy costs the same however long it is: that is in v from 2 on.
SpeculationCosts AdaptiveWindow::costs(const Source& source,
                                       std::int64_t batch) const {
  SpeculationCosts costs;
  const double plain = target_.estimate(batch);
  const double draft = draft_cost(source.times, batch, plain);
  costs.draft = source.copies ? 0 : draft;
  costs.verify = {1};
  for (std::int64_t k = 2; k <= kLargest; ++k) {
    costs.verify.push_back(std::max(1.0, target_.estimate(batch * k) / plain) +
                           (source.copies ? draft : 0));
  }
  return costs;
}

// What is drafted to learn about costs; kNoLimit: there is nothing to learn
// now.
std::int64_t AdaptiveWindow::length_to_learn_from(std::int64_t batch) const {
  if (iterations_ < std::ssize(kWarmUp)) {
    const std::int64_t length = kWarmUp[static_cast<size_t>(iterations_)];
    return accepted_ || iterations_ == 0 ? length
                                         : std::min(length, kTryLength);
  }
  const double passes =
      std::clamp((rate_ - 1) / kPlainShare, kPlainMostOften, kPlainLeastOften);
  if (static_cast<double>(since_plain_) >= passes) return 0;
  if (window_ == 1 || since_look_ < kLooksEvery) return kNoLimit;
  const std::int64_t furthest = std::min(window_ + kLooksFurther, kLargest);
  for (std::int64_t k = window_ + 1; k <= furthest; ++k) {
    if (target_.times(batch * k) < kSeenEnough) return k - 1;
  }
  return kNoLimit;
}

// A source competes with plain decoding and with the sources behind it, which
// draft where it does not.
void AdaptiveWindow::make_offers(Guide& guide, std::int64_t batch) {
  const std::int64_t fixed = length_to_learn_from(batch);
  double alternative = 1;
  std::int64_t window = 1;
  for (size_t i = sources_.size(); i-- > 0;) {
    Offer& offer = guide.offers_[i];
    if (fixed != kNoLimit) {
      offer = {.length = fixed, .costs = {}, .rate = 0};
      continue;
    }
    SourceTrial& trial = guide.trials_[i];
    offer.costs = costs(sources_[i], batch);
    const Best best = best_window(offer.costs, trial.acceptance(),
                                  sources_[i].rows_per_place, sources_[i].most);
    switch (trial.next_use(
        best.rate > alternative,
        passes_of(offer.costs, kTryLength, trial.behind()) - 1)) {
      case SourceTrial::Use::kFull:
        offer.length = best.window - 1;
        // As far as its confidence goes.
        if (!sources_[i].copies) offer.length = kLargest - 1;
        offer.length = std::min(offer.length, sources_[i].most);
        break;
      case SourceTrial::Use::kTry:
        offer.length = kTryLength;
        break;
      case SourceTrial::Use::kNone:
        offer.length = 0;
        break;
    }
    if (best.rate > alternative) {
      alternative = best.rate;
      window = best.window;
    }
    offer.rate = alternative;
  }
  looks_ = fixed != kNoLimit;
  if (looks_) return;
  rate_ = alternative;
  window_ = window;
}

void AdaptiveWindow::observe(const IterationOutcome& iteration) {
  note_times(iteration);
  if (target_.empty() || iteration.windows.empty()) return;
  for (const WindowOutcome& window : iteration.windows) {
    Guide* const guide = planned(window);
    if (guide == nullptr) continue;
    note_window(*guide, window, iteration);
    guide->planned_ = false;
  }
}

// nullptr where the window was not planned here.
AdaptiveWindow::Guide* AdaptiveWindow::planned(const WindowOutcome& window) {
  Guide* const guide = guides_.find(window.sequence);
  return guide != nullptr && guide->planned_ ? guide : nullptr;
}

void AdaptiveWindow::note_times(const IterationOutcome& iteration) {
  if (iteration.windows.empty()) return;
  std::int64_t drafted = 0;
  bool any_planned = false;
  for (const WindowOutcome& window : iteration.windows) {
    drafted += window.drafted;
    any_planned = any_planned || planned(window) != nullptr;
  }
  if (iteration.encodes) {
    // Its times are not used, and what was to be learnt from it waits for its
    // next turn: else all passes would be plain for as long as there are
    // prompts.
    if (drafted == 0) since_plain_ = 0;
    if (drafted > 0 && looks_) since_look_ = 0;
    return;
  }
  target_.add(std::ssize(iteration.windows) + drafted,
              iteration.target_seconds);
  if (any_planned) ++iterations_;
  since_plain_ = drafted == 0 ? 0 : since_plain_ + 1;
  if (drafted > 0) since_look_ = looks_ ? 0 : since_look_ + 1;
  note_draft_times(iteration);
}

// Only where one source drafted. One that rests has context to encode whenever
// it is tried: without the times of tries it would keep those it had before.
void AdaptiveWindow::note_draft_times(const IterationOutcome& iteration) {
  std::int64_t sequences = 0;
  std::int64_t longest = 0;
  std::int64_t behind = 0;
  Source* source = nullptr;
  for (const WindowOutcome& window : iteration.windows) {
    if (window.drafted == 0) continue;
    const Guide* const guide = planned(window);
    if (guide == nullptr) return;
    Source& its = sources_[guide->drafting_];
    if (source != nullptr && source != &its) return;
    source = &its;
    source->copies = guide->confidences_.empty() && !guide->grows_tree_;
    behind = std::max(behind, guide->trials_[guide->drafting_].behind());
    ++sequences;
    longest = std::max(longest, window.drafted);
  }
  if (source == nullptr || iteration.draft_seconds <= 0) return;
  // The first time is that of memory never touched before.
  if (!std::exchange(source->has_drafted, true)) return;
  double passes = 1;
  if (!source->copies) {
    passes = static_cast<double>(longest);
    if (behind > 1) passes += encoding_passes(behind);
  }
  source->times.add(sequences, iteration.draft_seconds / passes);
}

// What a window cost, in plain passes. It is bounded, since an outlier is the
// machine's fault. The time of a pass that encoded prompts too cannot be
// divided between them and the window, which is then charged with the expected
// cost or, where none is known, with the tokens that it gained.
double AdaptiveWindow::passes_taken(const Offer& offer,
                                    const WindowOutcome& window,
                                    std::int64_t behind,
                                    const IterationOutcome& iteration) const {
  const double measured = (iteration.draft_seconds + iteration.target_seconds) /
                          target_.estimate(std::ssize(iteration.windows));
  if (offer.costs.max_window() == 0) {  // it was fixed, to learn from it
    return iteration.encodes ? static_cast<double>(window.accepted + 1)
                             : measured;
  }
  const double expected = passes_of(offer.costs, window.drafted, behind);
  return iteration.encodes ? expected : std::min(measured, kOutlier * expected);
}

void AdaptiveWindow::note_window(Guide& guide, const WindowOutcome& window,
                                 const IterationOutcome& iteration) {
  for (size_t i = 0; i < sources_.size(); ++i) {
    SourceTrial& trial = guide.trials_[i];
    if (window.drafted == 0 || i != guide.drafting_) {
      trial.left_out(window.accepted + 1);
      continue;
    }
    accepted_ = accepted_ || window.accepted > 0;
    if (2 * window.accepted > sources_[i].most) {
      sources_[i].most = 2 * sources_[i].most + 1;
    }
    sources_[i].usual.add(window.places, window.accepted, guide.confidences_);
    sources_[i].rows_per_place +=
        kRowsShare * (static_cast<double>(window.drafted) /
                          static_cast<double>(window.places) -
                      sources_[i].rows_per_place);
    trial.drafted(
        window.places, window.accepted, guide.confidences_,
        passes_taken(guide.offers_[i], window, trial.behind(), iteration));
  }
}

}  // namespace pilotfish
