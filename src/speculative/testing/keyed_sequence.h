#ifndef PILOTFISH_SPECULATIVE_TESTING_KEYED_SEQUENCE_H_
#define PILOTFISH_SPECULATIVE_TESTING_KEYED_SEQUENCE_H_

#include <cstdint>
#include <utility>

#include "speculative/drafter.h"
#include "speculative/sequence.h"

namespace pilotfish::test {

// A sequence with a key, as if a decoder had admitted it, for tests that talk
// to drafters and policies themselves.
class KeyedSequence : public Sequence {
 public:
  explicit KeyedSequence(SequenceOptions options, std::uint32_t slot = 0)
      : Sequence(std::move(options)) {
    key = new_sequence_key(slot);
  }
};

// Tells a drafter that a sequence has grown, which may have kept drafted tokens
// without saying so.
inline void commit(Drafter& drafter, const Sequence& sequence) {
  const PassRows pass = {.sequence = &sequence,
                         .first = sequence.size() - 2,
                         .own = 1,
                         .kept = {},
                         .first_hidden = 0,
                         .first_logits = -1};
  const ForwardOutput nothing;
  drafter.commit({&pass, 1}, PassOutput(nothing, {}));
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_KEYED_SEQUENCE_H_
