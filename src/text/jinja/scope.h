#ifndef PILOTFISH_TEXT_JINJA_SCOPE_H_
#define PILOTFISH_TEXT_JINJA_SCOPE_H_

#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "text/jinja/value.h"

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

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_SCOPE_H_
