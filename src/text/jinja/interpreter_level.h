#ifndef PILOTFISH_TEXT_JINJA_INTERPRETER_LEVEL_H_
#define PILOTFISH_TEXT_JINJA_INTERPRETER_LEVEL_H_

#include <fmt/format.h>

#include "text/jinja/interpreter.h"

namespace pilotfish::jinja {

class Interpreter::Level {
 public:
  Level(Interpreter& interpreter, Position position)
      : level_(interpreter.level_) {
    interpreter.rt_.at(position);
    interpreter.rt_.charge(1);
    if (++level_ > kMaxCallDepth) {
      interpreter.rt_.fail(
          fmt::format("more than the {} evaluations within "
                      "one another allowed",
                      kMaxCallDepth));
    }
  }
  ~Level() { --level_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  size_t& level_;
};

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_INTERPRETER_LEVEL_H_
