#ifndef PILOTFISH_SAMPLING_TRUNCATION_H_
#define PILOTFISH_SAMPLING_TRUNCATION_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pilotfish/distribution.h"

namespace pilotfish {

// The truncations of SamplingParams, over entries whose probabilities need not
// sum to 1. What they keep is in no order.

using Entry = Distribution::Entry;

// Ranks for an order of items: the lowest first, and among equals the smaller
// id. Bits of doubles that are not negative are in the order of their values.
inline std::uint64_t probability_rank(const Entry& entry) {
  return ~std::bit_cast<std::uint64_t>(entry.probability);
}

struct TypicalEntry : Entry {
  double distance;  // of its surprise from the entropy
};
inline std::uint64_t typical_rank(const TypicalEntry& entry) {
  return std::bit_cast<std::uint64_t>(entry.distance);
}

// The fewest items, the best first, that reach a mass; at least one.
struct Share {
  size_t count = 0;
  double before = 0;   // the mass of all but the last
  double reached = 0;  // and of all
};

// The mass of items by the bucket that their rank falls in, and which bucket a
// goal falls in: one step of a search that orders nothing.
template <typename Item, typename Rank>
class RankBuckets {
 public:
  RankBuckets(std::span<const Item> items, Rank rank) : rank_(rank) {
    lowest_ = highest_ = rank(items.front());
    for (const Item& item : items) {
      lowest_ = std::min(lowest_, rank(item));
      highest_ = std::max(highest_, rank(item));
    }
    while ((highest_ - lowest_) >> shift_ >= kBuckets) ++shift_;
    for (const Item& item : items) mass_[bucket(item)] += item.probability;
  }

  bool all_equal() const { return lowest_ == highest_; }
  size_t bucket(const Item& item) const {
    return (rank_(item) - lowest_) >> shift_;
  }
  // The bucket in which `sum`, taken up in order, reaches the goal; the last
  // that holds anything where none does. Leaves in `sum` what lies before it.
  size_t find(double goal, double& sum) const {
    const size_t last = (highest_ - lowest_) >> shift_;
    size_t found = 0;
    while (found < last && sum + mass_[found] < goal) sum += mass_[found++];
    return found;
  }

 private:
  static constexpr size_t kBuckets = 1024;

  Rank rank_;
  std::uint64_t lowest_ = 0;
  std::uint64_t highest_ = 0;
  int shift_ = 0;
  std::array<double, kBuckets> mass_ = {};
};

// Moves the share of `goal` to the front: narrows down where it ends, and sorts
// no more than that. All of the items where they do not reach the goal.
template <typename Item, typename Rank>
Share move_share_to_front(std::vector<Item>& items, double goal, Rank rank) {
  constexpr std::ptrdiff_t kFew = 32;
  auto begin = items.begin();
  auto end = items.end();
  Share share;
  while (end - begin > kFew) {
    const RankBuckets buckets(std::span<const Item>(begin, end), rank);
    if (buckets.all_equal()) break;
    const size_t at = buckets.find(goal, share.reached);
    begin = std::partition(begin, end, [&](const Item& item) {
      return buckets.bucket(item) < at;
    });
    end = std::partition(begin, end, [&](const Item& item) {
      return buckets.bucket(item) == at;
    });
  }
  std::sort(begin, end, [rank](const Item& a, const Item& b) {
    return rank(a) < rank(b) || (rank(a) == rank(b) && a.token < b.token);
  });
  share.count = static_cast<size_t>(begin - items.begin());
  for (; begin != end && (share.count == 0 || share.reached < goal); ++begin) {
    share.before = share.reached;
    share.reached += begin->probability;
    ++share.count;
  }
  return share;
}

double total(const std::vector<Entry>& entries);

void keep_nucleus(std::vector<Entry>& entries, double top_p);
// `scratch` is for its memory.
void keep_typical(std::vector<Entry>& entries, double typical_p,
                  std::vector<TypicalEntry>& scratch);
void keep_above(std::vector<Entry>& entries, double share_of_largest);

}  // namespace pilotfish

#endif  // PILOTFISH_SAMPLING_TRUNCATION_H_
