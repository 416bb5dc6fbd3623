#ifndef PILOTFISH_SPECULATIVE_DRAFTERS_PREFERENCE_DRAFTER_H_
#define PILOTFISH_SPECULATIVE_DRAFTERS_PREFERENCE_DRAFTER_H_

#include <memory>
#include <span>
#include <vector>

#include "speculative/drafter.h"

namespace pilotfish {

// Several drafters in order of preference: for each sequence, the first that
// has a guess drafts. Which one that is follows from the tokens so far, so the
// draft's q is still what was drawn from. A guide may leave some out.
//
// One that guesses nothing but what is forced lets those behind it go first,
// which take that in: a window has what is forced and their guesses.
class PreferenceDrafter final : public Drafter {
 public:
  explicit PreferenceDrafter(std::vector<std::unique_ptr<Drafter>> drafters);

  std::vector<Draft> propose(std::span<const DraftRequest> requests) override;
  void recycle(std::vector<Draft>&& drafts) override;
  // Of any of them.
  std::span<const std::int64_t> hidden_layers() const override {
    return hidden_layers_;
  }
  void commit(std::span<const PassRows> passes,
              const PassOutput& output) override;
  void release(SequenceKey key) override;
  std::size_t sources() const override { return drafters_.size(); }

 private:
  std::vector<std::unique_ptr<Drafter>> drafters_;
  std::vector<size_t> order_;  // in which they are asked
  size_t takes_forced_from_;   // those behind this one do
  std::vector<std::int64_t> hidden_layers_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTERS_PREFERENCE_DRAFTER_H_
