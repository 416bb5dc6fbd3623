#ifndef PILOTFISH_DISTRIBUTION_H_
#define PILOTFISH_DISTRIBUTION_H_

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "pilotfish/token.h"

namespace pilotfish {

// A probability distribution over a vocabulary: the tokens it can yield, in
// ascending order, and their probabilities, which sum to 1 within rounding.
// Truncation (top-k, top-p, ...) leaves few entries; temperature 0 leaves one.
// Header-only, for acceptors in shared libraries.
class Distribution {
 public:
  struct Entry {
    Token token;
    double probability;
  };

  Distribution() = default;
  // Requires: ascending tokens, no negative probability.
  explicit Distribution(std::vector<Entry> entries)
      : entries_(std::move(entries)) {}
  static Distribution one_hot(Token token) {
    return Distribution({{token, 1.0}});
  }

  std::span<const Entry> entries() const { return entries_; }
  // Gives the entries away, for their memory. Leaves an empty distribution.
  std::vector<Entry> take_entries() && { return std::exchange(entries_, {}); }
  bool empty() const { return entries_.empty(); }

  // 0 for a token that is not among the entries. O(log n), O(1) where every
  // token of the vocabulary is.
  double probability(Token token) const;

  // The token at which the cumulative probability first exceeds `u` times the
  // total mass. u in [0, 1). Requires: !empty() and some mass. Never returns a
  // token of probability zero.
  Token sample(double u) const;

  // The token of the highest probability, the smallest id among equals.
  Token argmax() const;

 private:
  // Sums are taken of groups, since each of a chain of additions waits for the
  // one before.
  static constexpr size_t kGroup = 8;
  // Requires: first + kGroup <= entries().size().
  double group_mass(size_t first) const;
  double mass() const;

  std::vector<Entry> entries_;
};

// norm(max(0, scale * p - q)): with a scale of 1, what a rejection leaves of
// the target (Leviathan et al. 2023, arXiv 2211.17192). Where rounding leaves
// no mass, p itself.
Distribution residual(const Distribution& p, const Distribution& q,
                      double scale = 1);

// Calls function(token, scale * p - q) for the tokens where that is above 0.
template <typename Function>
void for_each_excess(const Distribution& p, const Distribution& q, double scale,
                     const Function& function);

inline double Distribution::probability(Token token) const {
  if (token < 0) return 0;
  const auto index = static_cast<size_t>(token);
  if (index < entries_.size() && entries_[index].token == token) {
    return entries_[index].probability;
  }
  size_t low = 0;
  size_t high = entries_.size();
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (entries_[middle].token < token) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < entries_.size() && entries_[low].token == token
             ? entries_[low].probability
             : 0;
}

inline double Distribution::group_mass(size_t first) const {
  const Entry* e = entries_.data() + first;
  return ((e[0].probability + e[1].probability) +
          (e[2].probability + e[3].probability)) +
         ((e[4].probability + e[5].probability) +
          (e[6].probability + e[7].probability));
}

inline double Distribution::mass() const {
  double sum = 0;
  size_t i = 0;
  for (; i + kGroup <= entries_.size(); i += kGroup) sum += group_mass(i);
  for (; i < entries_.size(); ++i) sum += entries_[i].probability;
  return sum;
}

inline Token Distribution::sample(double u) const {
  const double goal = u * mass();
  double sum = 0;
  size_t i = 0;
  while (i + kGroup <= entries_.size()) {
    const double after = sum + group_mass(i);
    if (after > goal) break;
    sum = after;
    i += kGroup;
  }
  for (; i < entries_.size(); ++i) {
    sum += entries_[i].probability;
    if (sum > goal && entries_[i].probability > 0) return entries_[i].token;
  }
  // Rounding keeps the sums from the goal: the last that can come.
  while (i > 1 && entries_[i - 1].probability <= 0) --i;
  return entries_[i - 1].token;
}

inline Token Distribution::argmax() const {
  Entry best = entries_.front();
  for (const Entry& entry : entries_) {
    if (entry.probability > best.probability) best = entry;
  }
  return best.token;
}

inline Distribution residual(const Distribution& p, const Distribution& q,
                             double scale) {
  std::vector<Distribution::Entry> left;
  left.reserve(p.entries().size());
  double mass = 0;
  for_each_excess(p, q, scale, [&](Token token, double excess) {
    left.push_back({token, excess});
    mass += excess;
  });
  if (mass <= 0) return p;
  for (Distribution::Entry& entry : left) entry.probability /= mass;
  return Distribution(std::move(left));
}

template <typename Function>
void for_each_excess(const Distribution& p, const Distribution& q, double scale,
                     const Function& function) {
  auto other = q.entries().begin();
  for (const Distribution::Entry& entry : p.entries()) {
    while (other != q.entries().end() && other->token < entry.token) ++other;
    const bool both = other != q.entries().end() && other->token == entry.token;
    const double excess =
        scale * entry.probability - (both ? other->probability : 0);
    if (excess > 0) function(entry.token, excess);
  }
}

}  // namespace pilotfish

#endif  // PILOTFISH_DISTRIBUTION_H_
