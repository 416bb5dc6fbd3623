#include "text/jinja/position.h"

#include <fmt/format.h>

#include "pilotfish/error.h"

namespace pilotfish::jinja {
namespace {

constexpr size_t kMaxMessage = 500;

// Templates quote what they like in raise_exception: line breaks and the rest
// of the control characters must not break the one-line promise of Error.
std::string one_line(const std::string& text) {
  std::string line;
  for (const char c : text.substr(0, kMaxMessage)) {
    if (c == '\n') {
      line += "\\n";
    } else {
      line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  if (text.size() > kMaxMessage) line += "...";
  return line;
}

}  // namespace

void fail_at(Position position, const std::string& what) {
  throw Error(fmt::format("chat template, line {}, column {}: {}",
                          position.line, position.column, one_line(what)));
}

}  // namespace pilotfish::jinja
