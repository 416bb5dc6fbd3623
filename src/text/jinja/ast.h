#ifndef PILOTFISH_TEXT_JINJA_AST_H_
#define PILOTFISH_TEXT_JINJA_AST_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja/lexer.h"
#include "text/jinja/operators.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

// A parsed template. Built once, then only read.
namespace pilotfish::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr more_positional;  // *value; these two may be null
  ExpressionPtr more_named;       // **value
};

struct Literal {
  Value value;
};
struct Name {
  std::string name;
};
struct ListDisplay {
  SequenceKind kind = SequenceKind::kList;  // or kTuple
  std::vector<ExpressionPtr> items;
};
struct DictDisplay {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};
enum class UnaryOp { kNegate, kIdentity, kNot };
struct Unary {
  UnaryOp op;
  ExpressionPtr operand;
};
struct Binary {
  BinaryOp op;
  ExpressionPtr left;
  ExpressionPtr right;
};
// and, or: the operand that decides is the value.
struct Logical {
  bool is_and;
  ExpressionPtr left;
  ExpressionPtr right;
};
enum class CompareOp {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
};
// a < b < c: each link compares with the operand before it.
struct Comparison {
  ExpressionPtr first;
  std::vector<std::pair<CompareOp, ExpressionPtr>> links;
};
struct Conditional {
  ExpressionPtr condition;
  ExpressionPtr value;
  ExpressionPtr otherwise;  // may be null
};
struct AttributeOf {
  ExpressionPtr object;
  std::string name;
};
struct ItemOf {
  ExpressionPtr object;
  ExpressionPtr index;
};
struct SliceOf {
  ExpressionPtr object;
  ExpressionPtr start;  // these may be null
  ExpressionPtr stop;
  ExpressionPtr step;
};
struct CallOf {
  ExpressionPtr callee;
  CallArguments arguments;
};
// A filter or test by the name the template gives it; `builtin` is null for one
// that is not known, which is refused when a render reaches it.
struct NamedBuiltin {
  Position position;
  std::string name;
  const Builtin* builtin = nullptr;
};
struct FilterOf {
  ExpressionPtr input;
  NamedBuiltin filter;
  CallArguments arguments;
};
struct TestOf {
  ExpressionPtr input;
  NamedBuiltin test;
  CallArguments arguments;
};

struct Expression {
  using Node =
      std::variant<Literal, Name, ListDisplay, DictDisplay, Unary, Binary,
                   Logical, Comparison, Conditional, AttributeOf, ItemOf,
                   SliceOf, CallOf, FilterOf, TestOf>;

  Position position;
  size_t depth = 1;  // levels of the tree below, this one included
  Node node;
};

// What an assignment binds: a name, a namespace's attribute, or a tuple of
// targets.
struct Target {
  Position position;
  std::string name;
  std::string attribute;  // empty for a plain name
  bool is_tuple = false;
  std::vector<Target> elements;
};

struct Statement;
using Block = std::vector<std::unique_ptr<const Statement>>;

struct Text {
  String text;
};
struct Output {
  ExpressionPtr value;
};
struct If {
  struct Branch {
    ExpressionPtr condition;
    Block body;
  };
  std::vector<Branch> branches;
  Block otherwise;
};
struct For {
  Target target;
  ExpressionPtr iterable;
  ExpressionPtr condition;  // may be null
  Block body;
  Block otherwise;
  bool recursive = false;  // loop(items) renders the block for these items
};
struct Set {
  Target target;
  ExpressionPtr value;
};
struct FilterStep {
  NamedBuiltin filter;
  CallArguments arguments;
};
// {% set x | filter %}...{% endset %}, and {% filter %} without a target.
struct Capture {
  std::optional<Target> target;
  std::vector<FilterStep> filters;
  Block body;
};
struct With {
  std::vector<std::pair<Target, ExpressionPtr>> variables;
  Block body;
};
struct Parameter {
  std::string name;
  ExpressionPtr otherwise;  // may be null
};
struct MacroDefinition {
  std::string name;
  std::vector<Parameter> parameters;
  Block body;
  // Whether the body reads the names that collect surplus arguments.
  bool takes_varargs = false;
  bool takes_kwargs = false;
  bool takes_caller = false;
};
// {% call(parameters) callee(...) %}body{% endcall %}; `call` is null for
// {% generation %}, which prints the body as it stands.
struct CallBlock {
  ExpressionPtr call;
  MacroDefinition body;
};
struct Break {};
struct Continue {};

struct Statement {
  using Node = std::variant<Text, Output, If, For, Set, Capture, With,
                            MacroDefinition, CallBlock, Break, Continue>;

  Position position;
  Node node;
};

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_AST_H_
