#ifndef PILOTFISH_SPECULATIVE_WINDOW_SHARED_DRAFT_H_
#define PILOTFISH_SPECULATIVE_WINDOW_SHARED_DRAFT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "speculative/window/acceptance_estimate.h"

namespace pilotfish {

// What the sequences of a batch decide together, because they share the passes
// of the draft model: each waits for all of these, whether or not it has a row
// in them. So a drafting pass is worth its time where all that it brings is
// worth more than the time of the whole batch. A row of the target is worth its
// time or not for each sequence by itself.
//
// Times are in plain passes over the batch: the value of one is what the batch
// would have emitted meanwhile.

// What drafting from a source costs the batch in an iteration.
struct DraftTerms {
  std::int64_t batch = 1;
  std::vector<double> verify;  // [k - 1]: v(k), if all have windows of k
  double draft = 0;            // c: a drafting pass, 0 where drafts are copied
  // Tokens that a sequence must bring in for the time of a plain pass.
  double rate = 1;

  double v(std::int64_t window) const {
    return verify[static_cast<std::size_t>(window - 1)];
  }
};

// A sequence that could draft.
struct Prospect {
  const AcceptanceEstimate* acceptance = nullptr;
  double alternative = 1;  // the rate that it has otherwise
  // What the batch waits while its drafter catches up with it, divided by the
  // windows that it is going to draft then.
  double entry = 0;
  bool joins = false;
};

struct SharedDraft {
  std::int64_t window = 1;  // the best one for those that join
  double rate = 0;          // of a sequence that joins, with that window
  double alternative = 1;   // and without the source
  bool pays() const { return rate > alternative; }
};

// Sets `joins` of the sequences for which a source brings in more than the rows
// cost, and returns the best window for these. `rows_per_place`: of a tree, 1
// for a chain. `most`: the most tokens to draft, less than `terms.verify` has
// windows.
SharedDraft best_shared_draft(const DraftTerms& terms,
                              std::span<Prospect> prospects,
                              double rows_per_place, std::int64_t most);

// A sequence that has drafted some tokens.
struct Drafting {
  const AcceptanceEstimate* acceptance = nullptr;
  double survival = 1;  // that all of these are accepted
  std::int64_t drafted = 0;
  std::int64_t length = 0;  // the most it may draft
  bool goes_on = false;
};

// Sets `goes_on` of the sequences that are worth another drafting pass. `pass`:
// what one for all of them takes.
void share_next_pass(const DraftTerms& terms, double pass,
                     std::span<Drafting> sequences);

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_WINDOW_SHARED_DRAFT_H_
