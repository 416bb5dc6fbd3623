#include "text/jinja/template.h"

#include "text/jinja/interpreter.h"
#include "text/jinja/parser.h"

namespace pilotfish::jinja {

Template::Template(std::string_view source) : block_(parse_template(source)) {}

std::string Template::render(const Dict& variables, const Clock& clock) const {
  Runtime runtime(clock);
  return Interpreter(runtime, variables).run(block_);
}

}  // namespace pilotfish::jinja
