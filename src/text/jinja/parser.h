#ifndef PILOTFISH_TEXT_JINJA_PARSER_H_
#define PILOTFISH_TEXT_JINJA_PARSER_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/lexer.h"

namespace pilotfish::jinja {

// The expressions of a template, with Jinja's own precedence (which differs
// from Python's: "-x|abs" is (-x)|abs and "2**3**2" is (2**3)**2).
class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& tokens) : tokens_(tokens) {}

  ExpressionPtr parse();
  // Parses "a, b" without parentheses too. `stop` is a name that ends it; "if"
  // ends it where `with_condition` is false.
  ExpressionPtr parse_tuple(bool with_condition = true,
                            std::string_view stop = {});
  // "name" or "name(arguments)" after a bar.
  FilterStep parse_filter_step();
  CallArguments parse_arguments();

  // The first filter or test that is not known; a template that must reach it
  // is refused. Whoever parses what may be skipped puts back what was noted
  // before.
  struct Unknown {
    Position position;
    std::string what;
  };
  const std::optional<Unknown>& unknown() const { return unknown_; }
  void forget_unknown_since(std::optional<Unknown> before) {
    unknown_ = std::move(before);
  }

  // Notes that the macro being parsed, if any, reads the names that collect its
  // surplus arguments. Gives back the one noted before.
  MacroDefinition* exchange_macro(MacroDefinition* macro) {
    return std::exchange(macro_, macro);
  }

 private:
  ExpressionPtr parse_condition();
  ExpressionPtr parse_logical(bool is_and);
  ExpressionPtr parse_not();
  ExpressionPtr parse_comparison();
  ExpressionPtr parse_binary(size_t level);
  ExpressionPtr parse_unary(bool with_filters);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_name();
  ExpressionPtr parse_number();
  ExpressionPtr parse_string();
  ExpressionPtr parse_parenthesis();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_postfix(ExpressionPtr value);
  ExpressionPtr parse_filters(ExpressionPtr value);
  ExpressionPtr parse_member(ExpressionPtr object);
  ExpressionPtr parse_subscript(ExpressionPtr object);
  ExpressionPtr parse_call(ExpressionPtr callee);
  ExpressionPtr parse_filter(ExpressionPtr input);
  ExpressionPtr parse_test(ExpressionPtr input);
  CallArguments parse_test_arguments();
  bool at_comparison(CompareOp& op, size_t& tokens) const;

  ExpressionPtr make(Position position, Expression::Node node);
  // A filter or test, which `builtin` is where it is known.
  NamedBuiltin named(const Token& name, const Builtin* builtin,
                     std::string_view kind);
  void parse_argument(CallArguments& arguments);

  TokenStream& tokens_;
  std::optional<Unknown> unknown_;
  MacroDefinition* macro_ = nullptr;
  size_t depth_ = 0;  // expressions being parsed within one another
};

// The statements of a template. Throws Error with the line and column of what
// is malformed or not supported.
Block parse_template(std::string_view source);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_PARSER_H_
