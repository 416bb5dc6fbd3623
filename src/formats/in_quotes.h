#ifndef PILOTFISH_FORMATS_IN_QUOTES_H_
#define PILOTFISH_FORMATS_IN_QUOTES_H_

#include <string>
#include <string_view>

namespace pilotfish {

// A name out of a file that nobody vouches for, fit for a one-line message: in
// quotes, control characters and bytes beyond ASCII as \xHH, cut when long.
std::string in_quotes(std::string_view name);

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_IN_QUOTES_H_
