#ifndef PILOTFISH_TEXT_JINJA_MARKS_H_
#define PILOTFISH_TEXT_JINJA_MARKS_H_

#include <cstddef>
#include <vector>

#include "pilotfish/tokenizer.h"

namespace pilotfish::jinja {

// The bytes of a text that came from the conversation and not from the
// template: what a tokenizer must take literally. Ranges are in order, none is
// empty, and no two of them touch.
class Marks {
 public:
  Marks() = default;
  // All of a text of `size` bytes.
  static Marks whole(size_t size);

  bool empty() const { return ranges_.empty(); }
  const std::vector<TextRange>& ranges() const { return ranges_; }
  std::vector<TextRange> take() { return std::move(ranges_); }

  // Marks [begin, end). Requires: no mark lies beyond `begin`.
  void add(size_t begin, size_t end);
  // Copies the marks that `other` has in [begin, end), so that `begin` becomes
  // `to`. Requires: no mark lies beyond `to`.
  void add_part(const Marks& other, size_t begin, size_t end, size_t to);

 private:
  std::vector<TextRange> ranges_;
};

// Tells whether a mark touches a range of a text, for ranges that are asked for
// in order. The marks must outlive it.
class MarkCursor {
 public:
  explicit MarkCursor(const Marks& marks) : ranges_(marks.ranges()) {}

  // Requires: `begin` is not less than in the call before.
  bool touches(size_t begin, size_t end) {
    while (next_ < ranges_.size() && ranges_[next_].end <= begin) ++next_;
    return next_ < ranges_.size() && ranges_[next_].begin < end;
  }

 private:
  const std::vector<TextRange>& ranges_;
  size_t next_ = 0;
};

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_MARKS_H_
