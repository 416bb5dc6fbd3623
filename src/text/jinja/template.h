#ifndef PILOTFISH_TEXT_JINJA_TEMPLATE_H_
#define PILOTFISH_TEXT_JINJA_TEMPLATE_H_

#include <string>
#include <string_view>

#include "text/jinja/ast.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace pilotfish::jinja {

// A template as Jinja2's ImmutableSandboxedEnvironment has it with
// trim_blocks, lstrip_blocks, loop controls and Hugging Face's additions.
// Immutable and thread-safe.
class Template {
 public:
  // Throws Error with the line and column of what is malformed or unsupported.
  explicit Template(std::string_view source);

  // Throws Error where the template refuses its input, or uses a value as Jinja
  // would not allow, or takes more than limits.h allows. Marked texts among the
  // variables are marked in the result too. `quotes_json` (may be null) is set
  // to whether a text which is JSON already was quoted as a JSON string.
  String render(const Dict& variables, Clock clock = system_clock,
                bool* quotes_json = nullptr) const;

 private:
  Block block_;
};

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_TEMPLATE_H_
