#ifndef PILOTFISH_TEXT_QUOTED_TEXT_H_
#define PILOTFISH_TEXT_QUOTED_TEXT_H_

#include <string>
#include <string_view>

namespace pilotfish {

// A text from a file, fit for a one-line message: in quotes, readable in any
// script, control characters and bytes that are no UTF-8 escaped, cut when
// long.
std::string quoted_text(std::string_view text);

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_QUOTED_TEXT_H_
