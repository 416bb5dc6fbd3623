#ifndef PILOTFISH_CONSTRAINT_CODE_POINTS_H_
#define PILOTFISH_CONSTRAINT_CODE_POINTS_H_

#include <vector>

#include "constraint/grammar.h"

namespace pilotfish {

inline constexpr char32_t kLastCodePoint = 0x10FFFF;

// A set of Unicode scalar values: what a class of characters in a pattern or a
// grammar stands for. Immutable.
class CodePointSet {
 public:
  // Ranges in any order, which may overlap. Surrogates in them are left out,
  // since they are no characters. Requires: first <= last <= kLastCodePoint.
  explicit CodePointSet(std::vector<CodePointRange> ranges);

  // Everything else.
  CodePointSet negated() const;
  // Its members and the characters that differ from one only in case, by
  // Unicode's simple folding: for 's' also 'S' and U+017F, the long s.
  CodePointSet with_cases() const;

  // The members, from the smallest to the largest, no two ranges adjacent.
  const std::vector<CodePointRange>& ranges() const { return ranges_; }
  bool contains(char32_t code_point) const;
  bool empty() const { return ranges_.empty(); }

  bool operator==(const CodePointSet&) const = default;

 private:
  std::vector<CodePointRange> ranges_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_CODE_POINTS_H_
