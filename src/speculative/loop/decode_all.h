#ifndef PILOTFISH_SPECULATIVE_LOOP_DECODE_ALL_H_
#define PILOTFISH_SPECULATIVE_LOOP_DECODE_ALL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "pilotfish/error.h"
#include "speculative/loop/decoder.h"
#include "speculative/sequence.h"

namespace pilotfish {

// Decodes the sequences that options(0) to options(count - 1) describe, up to
// `together` at a time, and calls done(sequence) with each when it is finished.
template <typename Options, typename Done>
void decode_all(SpeculativeDecoder& decoder, std::uint64_t count,
                std::size_t together, const Options& options,
                const Done& done) {
  std::vector<std::unique_ptr<Sequence>> sequences;
  std::vector<Sequence*> active;
  std::uint64_t next = 0;
  while (next < count || !sequences.empty()) {
    while (next < count && sequences.size() < together) {
      sequences.push_back(std::make_unique<Sequence>(options(next++)));
      decoder.admit(*sequences.back());
    }
    active.clear();
    for (const auto& sequence : sequences) active.push_back(sequence.get());
    decoder.step(active);
    for (const Sequence* sequence : active) {
      if (sequence->failure()) throw Error(sequence->failure()->text);
    }
    std::erase_if(sequences, [&](const auto& sequence) {
      if (!sequence->finished()) return false;
      done(static_cast<const Sequence&>(*sequence));
      decoder.retire(*sequence);
      return true;
    });
  }
}

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_LOOP_DECODE_ALL_H_
