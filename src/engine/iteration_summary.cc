#include "pilotfish/iteration_summary.h"

#include <numeric>

namespace pilotfish {
namespace {

double share(double part, double whole) {
  return whole == 0 ? 0 : part / whole;
}

double share(std::int64_t part, std::int64_t whole) {
  return share(static_cast<double>(part), static_cast<double>(whole));
}

double sum(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// Element by element; `sums` grows to the length of `values`.
void add_to(std::vector<std::int64_t>& sums,
            std::span<const std::int64_t> values) {
  if (sums.size() < values.size()) sums.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) sums[i] += values[i];
}

template <typename T>
void append(std::vector<T>& all, const std::vector<T>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

void count_places(const IterationStats& iteration, IterationSummary& summary) {
  const auto places = static_cast<size_t>(iteration.places());
  if (summary.offered_at.size() < places) {
    summary.offered_at.resize(places);
    summary.accepted_at.resize(places);
  }
  for (size_t i = 0; i < places; ++i) {
    ++summary.offered_at[i];
    if (static_cast<std::int64_t>(i) < iteration.accepted) {
      ++summary.accepted_at[i];
    }
  }
  const bool rejected = iteration.accepted < iteration.places() &&
                        iteration.accepted < iteration.emitted;
  summary.decided += iteration.accepted + (rejected ? 1 : 0);
}

void count_drafter(const IterationStats& iteration, IterationSummary& summary) {
  if (summary.by_drafter.size() <= iteration.drafter) {
    summary.by_drafter.resize(iteration.drafter + 1);
  }
  IterationSummary::Drafted& counts = summary.by_drafter[iteration.drafter];
  ++counts.passes;
  counts.drafted += iteration.drafted;
  counts.accepted += iteration.accepted;
  const auto accepted = static_cast<size_t>(iteration.accepted);
  if (counts.accepted_at.size() < accepted) counts.accepted_at.resize(accepted);
  for (size_t i = 0; i < accepted; ++i) ++counts.accepted_at[i];
}

void count(const IterationStats& iteration, IterationSummary& summary) {
  ++summary.passes;
  if (iteration.drafted == 0) {
    ++summary.plain_passes;
  } else {
    count_drafter(iteration, summary);
  }
  summary.tokens += iteration.emitted;
  summary.drafted += iteration.drafted;
  summary.accepted += iteration.accepted;
  count_places(iteration, summary);
  summary.seconds += iteration.total_seconds;
  summary.drafting_seconds += iteration.draft_seconds;
  if (iteration.drafted > 0) {
    summary.draft_seconds.push_back(iteration.draft_seconds);
  }
  summary.verify_seconds.push_back(iteration.verify_seconds);
  if (iteration.emitted > 0) {
    summary.token_seconds.push_back(
        {iteration.total_seconds / static_cast<double>(iteration.emitted),
         iteration.emitted});
  }
}

}  // namespace

void IterationSummary::add(std::span<const IterationStats> text) {
  if (text.empty()) return;
  for (const IterationStats& iteration : text.subspan(1)) {
    count(iteration, *this);
  }
}

void IterationSummary::add(const IterationSummary& other) {
  passes += other.passes;
  plain_passes += other.plain_passes;
  tokens += other.tokens;
  drafted += other.drafted;
  accepted += other.accepted;
  decided += other.decided;
  seconds += other.seconds;
  drafting_seconds += other.drafting_seconds;
  append(draft_seconds, other.draft_seconds);
  append(verify_seconds, other.verify_seconds);
  append(token_seconds, other.token_seconds);
  add_to(offered_at, other.offered_at);
  add_to(accepted_at, other.accepted_at);
  if (by_drafter.size() < other.by_drafter.size()) {
    by_drafter.resize(other.by_drafter.size());
  }
  for (size_t i = 0; i < other.by_drafter.size(); ++i) {
    by_drafter[i].passes += other.by_drafter[i].passes;
    by_drafter[i].drafted += other.by_drafter[i].drafted;
    by_drafter[i].accepted += other.by_drafter[i].accepted;
    add_to(by_drafter[i].accepted_at, other.by_drafter[i].accepted_at);
  }
}

double IterationSummary::tokens_per_pass() const {
  return share(tokens, passes);
}

double IterationSummary::acceptance_rate() const {
  return share(accepted, drafted);
}

double IterationSummary::acceptance_per_token() const {
  return share(accepted, decided);
}

std::vector<double> IterationSummary::acceptance_by_place() const {
  std::vector<double> shares;
  for (size_t i = 0; i < offered_at.size(); ++i) {
    shares.push_back(share(accepted_at[i], offered_at[i]));
  }
  return shares;
}

double IterationSummary::mean_window() const {
  return share(passes + drafted, passes);
}

double IterationSummary::plain_share() const {
  return share(plain_passes, passes);
}

double IterationSummary::seconds_per_token() const {
  return share(seconds, static_cast<double>(tokens));
}

double IterationSummary::draft_seconds_per_drafted() const {
  return share(drafting_seconds, static_cast<double>(drafted));
}

IterationSummary::Split IterationSummary::split() const {
  const auto emitted = static_cast<double>(tokens);
  const double draft = share(drafting_seconds, emitted);
  const double verify = share(sum(verify_seconds), emitted);
  return {draft, verify, seconds_per_token() - draft - verify};
}

double IterationSummary::bookkeeping_share() const {
  return share(split().bookkeeping, seconds_per_token());
}

}  // namespace pilotfish
