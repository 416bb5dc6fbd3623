#ifndef PILOTFISH_BASE_INDEX_RANGE_H_
#define PILOTFISH_BASE_INDEX_RANGE_H_

#include <algorithm>
#include <cstdint>

namespace pilotfish {

// A part of a range of items, [begin, end).
struct IndexRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  std::int64_t size() const { return end - begin; }
  bool empty() const { return begin >= end; }
  bool operator==(const IndexRange&) const = default;
};

// What thread `rank` of so many takes of `count` items, in multiples of
// `grain`; always the same. Shares of successive ranks follow each other and
// are all there is; a single grain is the first thread's.
inline IndexRange share_of(std::int64_t count, std::int64_t grain, int rank,
                           int threads) {
  const std::int64_t grains = (count + grain - 1) / grain;
  if (grains <= 1) return {0, rank == 0 ? count : 0};
  return {std::min(grains * rank / threads * grain, count),
          std::min(grains * (rank + 1) / threads * grain, count)};
}

}  // namespace pilotfish

#endif  // PILOTFISH_BASE_INDEX_RANGE_H_
