#ifndef PILOTFISH_SPECULATIVE_DRAFTERS_DRAFT_POOL_H_
#define PILOTFISH_SPECULATIVE_DRAFTERS_DRAFT_POOL_H_

#include <cstddef>
#include <vector>

#include "pilotfish/acceptor.h"
#include "sampling/processors.h"

namespace pilotfish {

// Drafts that have served, for the memory of later ones.
class DraftPool {
 public:
  // Their distributions go to `processor`, which makes the next ones.
  void recycle(std::vector<Draft>&& drafts, LogitsProcessor& processor);
  // Empty drafts.
  std::vector<Draft> take(std::size_t count);

 private:
  std::vector<Draft> spare_;
};

// Empties a vector that is kept for its memory when this goes out of scope.
template <typename T>
class Emptied {
 public:
  explicit Emptied(std::vector<T>& vector) : vector_(vector) {}
  ~Emptied() { vector_.clear(); }
  Emptied(const Emptied&) = delete;
  Emptied& operator=(const Emptied&) = delete;

 private:
  std::vector<T>& vector_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTERS_DRAFT_POOL_H_
