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
// Windows over which the cost of catching up with a text is spread.
constexpr double kStays = 16;
// Prompts are encoded for a source that would bring in this share of what plain
// decoding does: it may pay again.
constexpr double kNearlyPays = 0.95;
// Tokens drafted to try a source that rests.
constexpr std::int64_t kTryLength = 1;

// What encoding the context that a drafter missed takes, in drafting passes.
double encoding_passes(std::int64_t behind) {
  return static_cast<double>(std::min(behind, DraftRequest::kShortContext)) /
         kRowsEncodedPerPass;
}

}  // namespace

AdaptiveWindow::Guide::Guide(AdaptiveWindow& policy,
                             std::span<const Source> sources)
    : policy_(&policy), offers_(sources.size()) {
  for (const Source& source : sources) trials_.emplace_back(source.usual);
}

std::int64_t AdaptiveWindow::Guide::most() {
  policy_->make_offers();
  std::int64_t most = 0;
  for (const Offer& offer : offers_) most = std::max(most, offer.length);
  return most;
}

std::int64_t AdaptiveWindow::Guide::ask(std::size_t source) {
  policy_->make_offers();
  drafting_ = source;
  return offers_[source].length;
}

void AdaptiveWindow::Guide::drafted(double confidence) {
  if (passes_ == 0 || passes_ == decided_) ++passes_;
  confidences_.push_back(confidence);
  survival_ *= trials_[drafting_].acceptance().of(confidence);
}

bool AdaptiveWindow::Guide::another_pays() {
  if (offer().fixed) return true;
  if (decided_ != passes_) policy_->decide_together(drafting_, passes_);
  return goes_on_;
}

// One or more further tokens, each as likely.
bool AdaptiveWindow::Guide::worth(std::int64_t drafted, double likelihood) {
  grows_tree_ = true;
  if (offer().fixed) return true;
  const DraftTerms& terms = policy_->terms_[drafting_];
  double tokens = 0;
  double passes = 0;
  for (std::int64_t n = drafted + 1; n <= offer().length; ++n) {
    tokens += likelihood;
    passes += terms.draft;
    const double rows = terms.v(n + 1) - terms.v(drafted + 1);
    if (tokens >= terms.rate * (rows + passes)) return true;
  }
  return false;
}

AdaptiveWindow::AdaptiveWindow(std::size_t sources)
    : sources_(sources), terms_(sources) {}

DraftGuide& AdaptiveWindow::plan(const Sequence& sequence, std::int64_t batch) {
  if (has_offers_) round_.clear();
  has_offers_ = false;
  batch_ = batch;
  Guide& guide = guides_.find_or_make(sequence.key, *this,
                                      std::span<const Source>(sources_));
  guide.drafting_ = 0;
  guide.confidences_.clear();
  guide.survival_ = 1;
  guide.grows_tree_ = false;
  guide.planned_ = true;
  guide.passes_ = 0;
  guide.decided_ = -1;
  if (std::ranges::find(round_, &guide) == round_.end()) {
    round_.push_back(&guide);
  }
  return guide;
}

// What all draft to learn about costs; kNoLimit: there is nothing to learn now.
std::int64_t AdaptiveWindow::length_to_learn_from() const {
  if (iterations_ < std::ssize(kWarmUp)) {
    // Prompts come together: while they do, nothing can be learnt.
    if (encoded_ && batch_ > 1) return 0;
    const std::int64_t length = kWarmUp[static_cast<size_t>(iterations_)];
    return accepted_ || iterations_ == 0 ? length
                                         : std::min(length, kTryLength);
  }
  const double passes =
      std::clamp((rate_ - 1) / kPlainShare, kPlainMostOften, kPlainLeastOften);
  return static_cast<double>(since_plain_) >= passes ? 0 : kNoLimit;
}

// The same of those who draft anyway.
std::int64_t AdaptiveWindow::length_to_look_at() const {
  if (window_ == 1 || since_look_ < kLooksEvery) return kNoLimit;
  const std::int64_t furthest = std::min(window_ + kLooksFurther, kLargest);
  for (std::int64_t k = window_ + 1; k <= furthest; ++k) {
    if (target_.times(batch_ * k, batch_ / 2) < kSeenEnough) return k - 1;
  }
  return kNoLimit;
}

void AdaptiveWindow::make_offers() {
  if (std::exchange(has_offers_, true)) return;
  const std::int64_t learns = length_to_learn_from();
  looks_ = learns != kNoLimit;
  const Offer offer = {.length = looks_ ? learns : 0, .fixed = looks_};
  for (Guide* guide : round_) std::ranges::fill(guide->offers_, offer);
  if (looks_) return;
  // A source competes with plain decoding and with the sources behind it, which
  // draft where it does not.
  rate_ = 1;
  window_ = 1;
  prospects_.assign(round_.size(), {});
  for (size_t i = sources_.size(); i-- > 0;) looks_ |= offer_from(i);
}

// The longest window whose cost is known or, of one sequence, may be hoped for.
// The rows of a batch grow by as many as it has sequences: a guess would be far
// from what is known, and passes that encode prompts, of which a busy server
// has many, do not put it right.
std::int64_t AdaptiveWindow::longest_known(std::int64_t batch) const {
  if (batch == 1) return kLargest;
  return std::min(target_.most_rows() / batch + 1, kLargest);
}

// Returns whether those who draft do it to learn from it.
bool AdaptiveWindow::offer_from(std::size_t i) {
  Source& source = sources_[i];
  set_terms(i, batch_, std::ssize(round_), terms_[i]);
  const double pass = pass_cost(i, 1, batch_);
  for (size_t j = 0; j < round_.size(); ++j) {
    const SourceTrial& trial = round_[j]->trials_[i];
    prospects_[j].acceptance = &trial.acceptance();
    prospects_[j].entry = pass * encoding_passes(trial.behind()) / kStays;
  }
  const std::int64_t most = std::min(source.most, longest_known(batch_) - 1);
  const SharedDraft best =
      best_shared_draft(terms_[i], prospects_, source.rows_per_place, most);
  terms_[i].rate = best.pays() ? best.rate : best.alternative;
  if (best.rate > rate_ && best.pays()) {
    rate_ = best.rate;
    window_ = best.window;
  }
  const std::int64_t look = best.pays() ? length_to_look_at() : kNoLimit;
  // As far as its confidence goes.
  Offer full = {.length = source.copies ? best.window - 1 : most};
  if (look != kNoLimit) full = {.length = std::min(look, most), .fixed = true};

  // A try makes the batch wait for its own row and passes; it can share a pass
  // of others.
  const double row =
      (terms_[i].v(1 + kTryLength) - 1) / static_cast<double>(batch_);
  const double try_passes = best.pays() ? 0 : kTryLength;
  source.savings.next_iteration();
  for (size_t j = 0; j < round_.size(); ++j) {
    Prospect& prospect = prospects_[j];
    SourceTrial& trial = round_[j]->trials_[i];
    Offer& offer = round_[j]->offers_[i];
    const double cost =
        row + pass * (encoding_passes(trial.behind()) + try_passes);
    switch (
        trial.next_use(prospect.joins && best.pays(), cost, source.savings)) {
      case SourceTrial::Use::kFull:
        offer = full;
        prospect.alternative = std::max(prospect.alternative, best.rate);
        break;
      case SourceTrial::Use::kTry:
        offer = {.length = kTryLength};
        break;
      case SourceTrial::Use::kNone:
        offer = {};
        break;
    }
  }
  return look != kNoLimit;
}

// A copy costs the same however long it is: that is in v from 2 on.
// `sequences`: those that may draft.
void AdaptiveWindow::set_terms(std::size_t i, std::int64_t batch,
                               std::int64_t sequences,
                               DraftTerms& terms) const {
  const Source& source = sources_[i];
  const double copy = source.copies ? draft_cost(i, sequences, batch) : 0;
  const double plain = target_.estimate(batch);
  terms.batch = batch;
  terms.draft = pass_cost(i, sequences, batch);
  terms.verify.assign(1, 1);
  for (std::int64_t k = 2; k <= kLargest; ++k) {
    const double verify = target_.estimate(batch * k) / plain;
    terms.verify.push_back(std::max(1.0, verify) + copy);
  }
}

// The time of a drafting pass, or of copying a draft, for so many.
double AdaptiveWindow::draft_cost(std::size_t i, std::int64_t sequences,
                                  std::int64_t batch) const {
  const PassTimes& times = sources_[i].times;
  if (times.empty()) return kDraftUnknown;
  const double seen = times.estimate(sequences) / target_.estimate(batch);
  return kDraftUnknown * std::pow(seen / kDraftUnknown, times.trust(sequences));
}

// The same of a drafting pass alone.
double AdaptiveWindow::pass_cost(std::size_t i, std::int64_t sequences,
                                 std::int64_t batch) const {
  return sources_[i].copies ? 0 : draft_cost(i, sequences, batch);
}

// Whether those who had so many drafting passes go on, and who.
void AdaptiveWindow::decide_together(std::size_t i, std::int64_t passes) {
  drafting_.clear();
  drafting_guides_.clear();
  for (Guide* guide : round_) {
    if (guide->drafting_ != i || guide->passes_ != passes ||
        guide->offer().fixed) {
      continue;
    }
    drafting_guides_.push_back(guide);
    drafting_.push_back({.acceptance = &guide->trials_[i].acceptance(),
                         .survival = guide->survival_,
                         .drafted = guide->drafted(),
                         .length = guide->offer().length});
  }
  share_next_pass(terms_[i], pass_cost(i, std::ssize(drafting_), batch_),
                  drafting_);
  for (size_t j = 0; j < drafting_.size(); ++j) {
    drafting_guides_[j]->decided_ = passes;
    drafting_guides_[j]->goes_on_ = drafting_[j].goes_on;
  }
}

// The first answer holds for all chunks of the prompt.
bool AdaptiveWindow::follows_prompt(const Sequence& sequence,
                                    std::int64_t batch) {
  Guide& guide = guides_.find_or_make(sequence.key, *this,
                                      std::span<const Source>(sources_));
  if (guide.follows_prompt_) return *guide.follows_prompt_;
  guide.follows_prompt_ = may_pay(batch);
  if (!*guide.follows_prompt_) {
    for (SourceTrial& trial : guide.trials_) {
      trial.left_out(DraftRequest::kShortContext);
    }
  }
  return *guide.follows_prompt_;
}

// Whether a source pays, or nearly so, for sequences of which nothing is known.
// What passes over such a batch cost may not be known either.
bool AdaptiveWindow::may_pay(std::int64_t batch) const {
  if (iterations_ < std::ssize(kWarmUp) || longest_known(batch) == 1) {
    return true;
  }
  for (size_t i = 0; i < sources_.size(); ++i) {
    std::vector<Prospect> prospects(static_cast<size_t>(batch),
                                    {&sources_[i].usual});
    DraftTerms terms;
    set_terms(i, batch, batch, terms);
    const SharedDraft best =
        best_shared_draft(terms, prospects, sources_[i].rows_per_place,
                          std::min(sources_[i].most, longest_known(batch) - 1));
    if (best.rate > kNearlyPays * best.alternative) return true;
  }
  return false;
}

void AdaptiveWindow::observe(const IterationOutcome& iteration) {
  note_times(iteration);
  if (target_.empty() || iteration.windows.empty()) return;
  const auto drafting = std::ranges::count_if(
      iteration.windows, [](const auto& each) { return each.drafted > 0; });
  for (const WindowOutcome& window : iteration.windows) {
    Guide* const guide = planned(window);
    if (guide == nullptr) continue;
    note_window(*guide, window, drafting, iteration);
    guide->planned_ = false;
  }
  round_.clear();
}

// nullptr where the window was not planned here.
AdaptiveWindow::Guide* AdaptiveWindow::planned(const WindowOutcome& window) {
  Guide* const guide = guides_.find(window.sequence);
  return guide != nullptr && guide->planned_ ? guide : nullptr;
}

void AdaptiveWindow::note_times(const IterationOutcome& iteration) {
  encoded_ = iteration.encodes;
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

// What a window's drafting took of the batch's time. It is bounded, since an
// outlier is the machine's fault. The time of a pass that encoded prompts too
// cannot be divided between them and the window, nor that of several windows
// between these: they are charged with the expected cost or, where none is
// known, with the tokens that the window gained.
double AdaptiveWindow::cost_of(std::size_t i, const Guide& guide,
                               const WindowOutcome& window,
                               std::int64_t drafting,
                               const IterationOutcome& iteration) const {
  const auto batch = static_cast<double>(iteration.windows.size());
  const double measured = (iteration.draft_seconds + iteration.target_seconds) /
                              target_.estimate(std::ssize(iteration.windows)) -
                          1;
  if (guide.offers_[i].fixed) {
    return iteration.encodes ? static_cast<double>(window.accepted) / batch
                             : measured / static_cast<double>(drafting);
  }
  double expected = (terms_[i].v(window.drafted + 1) - 1) / batch;
  const double passes =
      static_cast<double>(window.drafted) / static_cast<double>(drafting);
  expected += pass_cost(i, drafting, std::ssize(iteration.windows)) *
              (passes + encoding_passes(guide.trials_[i].behind()));
  if (iteration.encodes || drafting > 1) return expected;
  return std::min(measured, kOutlier * (1 + expected) - 1);
}

// `drafting`: in how many of the iteration's windows tokens were drafted.
void AdaptiveWindow::note_window(Guide& guide, const WindowOutcome& window,
                                 std::int64_t drafting,
                                 const IterationOutcome& iteration) {
  const auto batch = static_cast<double>(iteration.windows.size());
  for (size_t i = 0; i < sources_.size(); ++i) {
    SourceTrial& trial = guide.trials_[i];
    if (window.drafted == 0 || i != guide.drafting_) {
      const std::int64_t emitted = window.accepted + 1;
      if (trial.left_out(emitted)) {
        sources_[i].savings.save(static_cast<double>(emitted) / batch);
      }
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
    const double cost = cost_of(i, guide, window, drafting, iteration);
    if (trial.drafted(window.places, window.accepted, guide.confidences_)) {
      sources_[i].savings.settle(static_cast<double>(window.accepted) / batch -
                                 cost);
    }
  }
}

}  // namespace pilotfish
