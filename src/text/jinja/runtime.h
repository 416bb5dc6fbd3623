#ifndef PILOTFISH_TEXT_JINJA_RUNTIME_H_
#define PILOTFISH_TEXT_JINJA_RUNTIME_H_

#include <ctime>
#include <deque>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/jinja/lexer.h"
#include "text/jinja/limits.h"
#include "text/jinja/value.h"

// What a render is made of: scopes, the runtime that every step charges, and
// the form that built-in functions have.
namespace pilotfish::jinja {

struct MacroDefinition;

// Variables of one block; names that are not here are the parent's. Names are
// views of the template's source tree or of the render's variables.
class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> parent) : parent_(std::move(parent)) {}

  void set(std::string_view name, Value value) {
    variables_[name] = std::move(value);
  }
  // Null where no scope outwards has it.
  const Value* find(std::string_view name) const {
    for (const Scope* scope = this; scope != nullptr;
         scope = scope->parent_.get()) {
      const auto found = scope->variables_.find(name);
      if (found != scope->variables_.end()) return &found->second;
    }
    return nullptr;
  }

 private:
  std::shared_ptr<Scope> parent_;
  std::unordered_map<std::string_view, Value> variables_;
};

// A macro and the scope it was defined in, whose variables it reads as they
// are when it is called.
struct Macro {
  const MacroDefinition* definition = nullptr;
  std::shared_ptr<Scope> scope;
};

// The local time now; tests give a fixed one.
using Clock = std::tm (*)();
std::tm system_clock();

// What one render shares: where it is in the source, what it has spent, and the
// values that change, which live until it ends. Not thread-safe.
class Runtime {
 public:
  explicit Runtime(Clock clock) : clock_(clock) {}
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Where the next failure is to be reported.
  void at(Position position) { position_ = position; }
  Position position() const { return position_; }
  [[noreturn]] void fail(const std::string& what) const {
    fail_at(position_, what);
  }
  // Fails with what an undefined value has to say for itself.
  void refuse_undefined(const Value& value) const;

  // Fails where the render's work would exceed kMaxWork.
  void charge(size_t units);
  // Fails where a string of so many bytes is too long; to be asked before it is
  // made. Charges nothing.
  void check_size(size_t bytes) const;

  // Values whose making is charged and checked. A text without marks of its
  // own is marked as a whole inside a built-in that was given marked text.
  Value string(std::string text, bool markup = false);
  Value string(String text);
  Value sequence(SequenceKind kind, Values items);
  Value list(Values items) {
    return sequence(SequenceKind::kList, std::move(items));
  }
  Value tuple(Values items) {
    return sequence(SequenceKind::kTuple, std::move(items));
  }
  Value generator(Values items);
  Value dict(Dict dict);
  // Adds to a dictionary in the making.
  void insert(Dict& dict, Value key, Value value);
  Value undefined(std::string why);

  Namespace* make_namespace();
  Loop* make_loop(std::shared_ptr<const Values> items);
  Cycler* make_cycler(Values items);
  Joiner* make_joiner(Value separator);
  const Macro* make_macro(Macro macro);

  // Whether the built-in that runs was given marked text; gives what was set
  // before.
  bool set_given_marks(bool given) {
    return std::exchange(given_marks_, given);
  }

  // Notes that a text which is JSON already was quoted as a JSON string.
  void note_quoted_json() { quoted_json_ = true; }
  bool quoted_json() const { return quoted_json_; }

  std::tm now() const { return clock_(); }

 private:
  void check_nesting(size_t nesting) const;

  Clock clock_;
  Position position_;
  uint64_t work_ = 0;
  size_t text_bytes_ = 0;
  bool given_marks_ = false;
  bool quoted_json_ = false;
  std::deque<Namespace> namespaces_;
  std::deque<Loop> loops_;
  std::deque<Cycler> cyclers_;
  std::deque<Joiner> joiners_;
  std::deque<Macro> macros_;
};

struct Builtin;

// What a call was given, as written.
struct Arguments {
  Values positional;
  std::vector<std::pair<String, Value>> named;
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
  const String& string(size_t parameter) const;
  const std::string& text(size_t parameter) const {
    return string(parameter).text;
  }

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

#endif  // PILOTFISH_TEXT_JINJA_RUNTIME_H_
