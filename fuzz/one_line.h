#ifndef PILOTFISH_FUZZ_ONE_LINE_H_
#define PILOTFISH_FUZZ_ONE_LINE_H_

#include <cstdlib>
#include <string_view>

#include "pilotfish/error.h"

namespace pilotfish {

// Calls `function`, which may throw nothing but an Error of one line.
template <typename Function>
void allow_one_line_errors(const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    const std::string_view what = error.what();
    if (what.empty() || what.find('\n') != std::string_view::npos) std::abort();
  }
}

}  // namespace pilotfish

#endif  // PILOTFISH_FUZZ_ONE_LINE_H_
