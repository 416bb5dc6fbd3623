#include "text/jinja/marks.h"

#include <algorithm>
#include <cassert>

namespace pilotfish::jinja {

Marks Marks::whole(size_t size) {
  Marks marks;
  marks.add(0, size);
  return marks;
}

void Marks::add(size_t begin, size_t end) {
  if (begin >= end) return;
  assert(ranges_.empty() || ranges_.back().end <= begin);
  if (!ranges_.empty() && ranges_.back().end == begin) {
    ranges_.back().end = end;
  } else {
    ranges_.push_back({begin, end});
  }
}

void Marks::add_part(const Marks& other, size_t begin, size_t end, size_t to) {
  auto range =
      std::ranges::upper_bound(other.ranges_, begin, {}, &TextRange::end);
  for (; range != other.ranges_.end() && range->begin < end; ++range) {
    add(std::max(range->begin, begin) - begin + to,
        std::min(range->end, end) - begin + to);
  }
}

}  // namespace pilotfish::jinja
