#ifndef PILOTFISH_CONSTRAINT_STACK_POOL_H_
#define PILOTFISH_CONSTRAINT_STACK_POOL_H_

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace pilotfish {

// Sets of stacks of states. Equal sets have equal ids, and sets share what they
// have in common, so that many readings of a text take little. Not thread-safe.
class StackPool {
 public:
  using Id = std::int32_t;
  // The set of the empty stack alone.
  static constexpr Id kBottom = 0;
  static constexpr std::int32_t kMostDepth = 8192;
  // Of sets, their frames and unions: some 100 MB.
  static constexpr std::size_t kMostKept = std::size_t{1} << 21;

  // Stacks with `top` above those of the set `below`.
  struct Frame {
    std::int32_t top;
    Id below;

    bool operator==(const Frame&) const = default;
  };

  StackPool();

  // Both throw Error where a stack becomes deeper than kMostDepth, and where
  // the pool becomes larger than kMostKept.
  Id push(Id below, std::int32_t top);
  Id unite(Id a, Id b);

  bool has_bottom(Id id) const { return at(id).has_bottom; }
  // By their tops, which all differ.
  std::int32_t frames(Id id) const { return at(id).frames; }
  Frame frame(Id id, std::int32_t i) const {
    return frames_[static_cast<std::size_t>(at(id).first_frame + i)];
  }

 private:
  struct Set {
    std::int32_t first_frame;
    std::int32_t frames;
    std::int32_t depth;
    bool has_bottom;
  };

  void check_size() const;
  const Set& at(Id id) const { return sets_[static_cast<std::size_t>(id)]; }
  Id intern(bool has_bottom, std::span<const Frame> frames);

  std::vector<Set> sets_;
  std::vector<Frame> frames_;
  std::unordered_multimap<std::uint64_t, Id> by_hash_;
  std::unordered_map<std::uint64_t, Id> unions_;  // by both ids
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_STACK_POOL_H_
