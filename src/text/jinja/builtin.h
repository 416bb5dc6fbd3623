#ifndef PILOTFISH_TEXT_JINJA_BUILTIN_H_
#define PILOTFISH_TEXT_JINJA_BUILTIN_H_

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace pilotfish::jinja {

struct Builtin;

// What a call was given, as written.
struct Arguments {
  Values positional;
  std::vector<std::pair<std::string_view, Value>> named;
};

// A call of a built-in function, filter, test or method: its arguments by
// parameter, as Python would match them.
class Call {
 public:
  // Fails where the arguments do not fit the function's parameters.
  Call(Runtime& rt, const Builtin& function, const Value& input,
       const Arguments& arguments);

  Runtime& rt;
  const Value& input;  // what the filter, test or method works on
  const Arguments& raw;

  // Null where the caller left it out.
  const Value* get(size_t parameter) const { return bound_[parameter]; }
  bool has(size_t parameter) const { return bound_[parameter] != nullptr; }
  // Null also where it is none.
  const Value* get_unless_none(size_t parameter) const;
  int64_t integer(size_t parameter, int64_t otherwise) const;
  bool boolean(size_t parameter, bool otherwise) const;
  // Fails where it is not a string. Requires: has(parameter).
  const std::string& text(size_t parameter) const;

 private:
  const Builtin& function_;
  std::vector<const Value*> bound_;
};

struct Builtin {
  std::string_view name;
  std::vector<std::string_view> parameters;
  size_t required = 0;
  Value (*apply)(Call& call) = nullptr;
  // Takes whatever it is given, from `raw`.
  bool variadic = false;
};

Value invoke(Runtime& rt, const Builtin& function, const Value& input,
             const Arguments& arguments);

// Built-ins by name. The pointers it gives last as long as the table.
class BuiltinTable {
 public:
  BuiltinTable(std::initializer_list<Builtin> builtins);
  // Null where there is none.
  const Builtin* find(std::string_view name) const;

 private:
  std::unordered_map<std::string_view, Builtin> builtins_;
};

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_BUILTIN_H_
