#ifndef PILOTFISH_SPECULATIVE_WINDOW_H_
#define PILOTFISH_SPECULATIVE_WINDOW_H_

#include <cstdint>

#include "speculative/sequence.h"

namespace pilotfish {

// How far to draft ahead: k - 1 tokens for a window of k, since the target adds
// one of its own. k is the sequence's, or the default.
class WindowPolicy {
 public:
  // Requires: window >= 1.
  explicit WindowPolicy(std::int64_t window) : window_(window) {}

  std::int64_t draft_length(const Sequence& sequence) const {
    return sequence.window().value_or(window_) - 1;
  }

 private:
  std::int64_t window_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_WINDOW_H_
