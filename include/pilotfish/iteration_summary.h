#ifndef PILOTFISH_ITERATION_SUMMARY_H_
#define PILOTFISH_ITERATION_SUMMARY_H_

#include <cstdint>
#include <span>
#include <vector>

#include "pilotfish/iteration.h"
#include "pilotfish/spread.h"

namespace pilotfish {

// What the iterations of one text or of many add up to. These rules hold
// wherever pilotfish counts iterations:
//
// - The first iteration of a text is left out of everything, times and counts.
//   It encodes the prompt, drafts nothing and emits one token: it says nothing
//   about decoding.
// - A tree's tokens all count as drafted, for each costs a row of the pass.
// What
//   can be accepted goes by places: tokens that compete for one place are one.
// - A place is decided when its token is accepted or is the first one rejected.
//   Places after it were not judged.
// - What comes behind the end of a text counts as drafted and not as accepted.
struct IterationSummary {
  std::int64_t passes = 0;             // iterations
  std::int64_t plain_passes = 0;       // those that drafted nothing
  std::int64_t tokens = 0;             // emitted
  std::int64_t drafted = 0;            // tokens
  std::int64_t accepted = 0;           // tokens, which is places too
  std::int64_t decided = 0;            // places
  double seconds = 0;                  // of whole iterations
  double drafting_seconds = 0;         // of those, before the target's pass
  std::vector<double> draft_seconds;   // [passes that drafted]
  std::vector<double> verify_seconds;  // [passes]
  std::vector<WeightedValue> token_seconds;  // of each token; weight: tokens
  std::vector<std::int64_t> offered_at;      // [i]: passes that drafted place i
  std::vector<std::int64_t> accepted_at;     // [i]: of those, accepted
  // What one drafter's drafts came to.
  struct Drafted {
    std::int64_t passes = 0;
    std::int64_t drafted = 0;
    std::int64_t accepted = 0;
    std::vector<std::int64_t> accepted_at;  // [i]: passes that accepted place i
  };
  std::vector<Drafted> by_drafter;  // as far as they drafted

  // Adds all iterations of one text.
  void add(std::span<const IterationStats> text);
  void add(const IterationSummary& other);

  // Ratios; 0 where there is nothing to divide by.

  double tokens_per_pass() const;  // the mean acceptance length
  double acceptance_rate() const;  // accepted over drafted
  // Of the places decided, the share accepted: what the formulas of speedup.h
  // take for granted to be one probability (Leviathan et al. 2023,
  // section 3.3).
  double acceptance_per_token() const;
  // [i]: of the passes that drafted for place i, the share that accepted it.
  std::vector<double> acceptance_by_place() const;
  double mean_window() const;  // rows of the target that decode, a pass
  double plain_share() const;  // of the passes
  double seconds_per_token() const;
  double draft_seconds_per_drafted() const;
  // Where the time of a token goes; the parts add up to seconds_per_token().
  struct Split {
    double draft = 0;
    double verify = 0;
    double bookkeeping = 0;  // sampling, judging, keeping the caches right
  };
  Split split() const;
  double bookkeeping_share() const;  // of the time
};

}  // namespace pilotfish

#endif  // PILOTFISH_ITERATION_SUMMARY_H_
