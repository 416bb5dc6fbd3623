#ifndef PILOTFISH_TEXT_JINJA_JSON_H_
#define PILOTFISH_TEXT_JINJA_JSON_H_

#include <optional>
#include <string>
#include <string_view>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace pilotfish::jinja {

// The value a JSON text stands for, as Python's json.loads gives it: objects
// keep their order, a key that comes twice has its last value. `what` names the
// text in the one-line Error a malformed one throws. Its strings, keys among
// them, are marked: they are the conversation's.
Value read_json(std::string_view text, std::string_view what);

// The parameters of Python's json.dumps that templates use.
struct JsonStyle {
  std::optional<String> indent;  // one level's; none for a single line
  String item_separator = {", "};
  String key_separator = {": "};
  bool ensure_ascii = false;
  bool sort_keys = false;
};

// json.dumps. Fails on what JSON cannot hold.
String to_json(Runtime& rt, const Value& value, const JsonStyle& style);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_JSON_H_
