#ifndef PILOTFISH_TEXT_JINJA_POSITION_H_
#define PILOTFISH_TEXT_JINJA_POSITION_H_

#include <cstdint>
#include <string>

namespace pilotfish::jinja {

// A place in a template's source; both count from one, columns in characters.
struct Position {
  uint32_t line = 1;
  uint32_t column = 1;
};

// Throws Error("chat template, line 3, column 7: " + what), kept to one line of
// bounded length whatever `what` quotes.
[[noreturn]] void fail_at(Position position, const std::string& what);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_POSITION_H_
