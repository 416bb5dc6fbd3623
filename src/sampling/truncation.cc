#include "sampling/truncation.h"

#include <cmath>

namespace pilotfish {

double total(const std::vector<Entry>& entries) {
  double sum = 0;
  for (const Entry& entry : entries) sum += entry.probability;
  return sum;
}

void keep_nucleus(std::vector<Entry>& entries, double top_p) {
  entries.resize(
      move_share_to_front(entries, top_p * total(entries), probability_rank)
          .count);
}

void keep_typical(std::vector<Entry>& entries, double typical_p,
                  std::vector<TypicalEntry>& scratch) {
  const double mass = total(entries);
  double entropy = 0;
  for (const Entry& entry : entries) {
    const double p = entry.probability / mass;
    entropy -= p * std::log(p);
  }
  scratch.clear();
  for (const Entry& entry : entries) {
    const double surprise = -std::log(entry.probability / mass);
    scratch.push_back({entry, std::abs(surprise - entropy)});
  }
  const Share share =
      move_share_to_front(scratch, typical_p * mass, typical_rank);
  entries.assign(scratch.begin(),
                 scratch.begin() + static_cast<std::ptrdiff_t>(share.count));
}

void keep_above(std::vector<Entry>& entries, double share_of_largest) {
  double largest = 0;
  for (const Entry& entry : entries) {
    largest = std::max(largest, entry.probability);
  }
  std::erase_if(entries, [least = share_of_largest * largest](const Entry& e) {
    return e.probability < least;
  });
}

}  // namespace pilotfish
