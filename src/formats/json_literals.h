#ifndef PILOTFISH_FORMATS_JSON_LITERALS_H_
#define PILOTFISH_FORMATS_JSON_LITERALS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pilotfish {

// JSON text in which NaN, Infinity and -Infinity stand in quotes. Python writes
// these names for floats that JSON has no numbers for.
struct QuotedLiterals {
  std::string text;
  std::vector<size_t> ends;  // in `text`, one past each literal so quoted

  // Where byte `place` of `text` lies in the original; both count from 1, as
  // nlohmann's positions do.
  size_t original(size_t place) const;
};

QuotedLiterals quote_literals(std::string_view json);

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_JSON_LITERALS_H_
