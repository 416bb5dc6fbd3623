#ifndef PILOTFISH_SPECULATIVE_SEQUENCE_KEY_H_
#define PILOTFISH_SPECULATIVE_SEQUENCE_KEY_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

namespace pilotfish {

// What drafters and window policies know a sequence by. The decoder gives it
// out with each admission: the lowest slot that is free, so that there are no
// more slots than sequences are admitted together, and a generation that no
// other key of this process has.
struct SequenceKey {
  std::uint32_t slot = 0;
  std::uint64_t generation = 0;  // 0: the key of no sequence

  friend bool operator==(const SequenceKey&, const SequenceKey&) = default;
};

// A key that was never given out before. Thread-safe.
SequenceKey new_sequence_key(std::uint32_t slot);

// What somebody keeps of each sequence. A slot's next sequence finds nothing of
// the one before, whether or not that was erased; so this holds as many states
// as sequences are admitted together, and not more.
template <typename State>
class PerSequence {
 public:
  // nullptr for a sequence that nothing is kept of.
  State* find(SequenceKey key) {
    if (key.slot >= slots_.size()) return nullptr;
    Slot& slot = slots_[key.slot];
    return slot.state && slot.generation == key.generation ? &*slot.state
                                                           : nullptr;
  }

  // The state of a sequence, made of the arguments where there is none. What
  // the slot's earlier sequence left is destroyed before. The reference stays
  // valid until the state is erased or the slot has another sequence.
  template <typename... Arguments>
  State& find_or_make(SequenceKey key, Arguments&&... arguments) {
    if (State* const found = find(key)) return *found;
    while (slots_.size() <= key.slot) slots_.emplace_back();
    Slot& slot = slots_[key.slot];
    slot.state.reset();
    slot.generation = key.generation;
    return slot.state.emplace(std::forward<Arguments>(arguments)...);
  }

  void erase(SequenceKey key) {
    if (find(key) != nullptr) slots_[key.slot].state.reset();
  }

  std::size_t slots() const { return slots_.size(); }

 private:
  struct Slot {
    std::uint64_t generation = 0;
    std::optional<State> state;
  };
  std::deque<Slot> slots_;  // grows without moving what it holds
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_SEQUENCE_KEY_H_
