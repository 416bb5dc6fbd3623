#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "text/jinja/big_integer.h"
#include "text/jinja/builtins.h"
#include "text/jinja/limits.h"
#include "text/jinja/parser.h"

namespace pilotfish::jinja {
namespace {

// The depth of the deepest child of a node.
class DeepestChild {
 public:
  size_t of(const Expression::Node& node) {
    std::visit(*this, node);
    return deepest_;
  }

  void operator()(const Literal&) {}
  void operator()(const Name&) {}
  void operator()(const ListDisplay& node) {
    for (const auto& item : node.items) see(item);
  }
  void operator()(const DictDisplay& node) {
    for (const auto& [key, value] : node.entries) {
      see(key);
      see(value);
    }
  }
  void operator()(const Unary& node) { see(node.operand); }
  void operator()(const Binary& node) {
    see(node.left);
    see(node.right);
  }
  void operator()(const Logical& node) {
    see(node.left);
    see(node.right);
  }
  void operator()(const Comparison& node) {
    see(node.first);
    for (const auto& link : node.links) see(link.second);
  }
  void operator()(const Conditional& node) {
    see(node.condition);
    see(node.value);
    see(node.otherwise);
  }
  void operator()(const AttributeOf& node) { see(node.object); }
  void operator()(const ItemOf& node) {
    see(node.object);
    see(node.index);
  }
  void operator()(const SliceOf& node) {
    see(node.object);
    see(node.start);
    see(node.stop);
    see(node.step);
  }
  void operator()(const CallOf& node) { see(node.callee, node.arguments); }
  void operator()(const FilterOf& node) { see(node.input, node.arguments); }
  void operator()(const TestOf& node) { see(node.input, node.arguments); }

 private:
  void see(const ExpressionPtr& child) {
    if (child != nullptr) deepest_ = std::max(deepest_, child->depth);
  }
  void see(const ExpressionPtr& child, const CallArguments& arguments) {
    see(child);
    for (const auto& argument : arguments.positional) see(argument);
    for (const auto& argument : arguments.named) see(argument.second);
    see(arguments.more_positional);
    see(arguments.more_named);
  }

  size_t deepest_ = 0;
};

[[noreturn]] void fail_too_deep(Position position) {
  fail_at(position, fmt::format("an expression of more than the {} levels "
                                "allowed",
                                kMaxExpressionDepth));
}

struct BinarySymbol {
  std::string_view symbol;
  BinaryOp op;
  size_t level;  // binds tighter the larger it is
};

constexpr std::array<BinarySymbol, 8> kBinarySymbols = {{
    {"+", BinaryOp::kAdd, 0},
    {"-", BinaryOp::kSubtract, 0},
    {"~", BinaryOp::kConcatenate, 1},
    {"*", BinaryOp::kMultiply, 2},
    {"/", BinaryOp::kDivide, 2},
    {"//", BinaryOp::kFloorDivide, 2},
    {"%", BinaryOp::kModulo, 2},
    {"**", BinaryOp::kPower, 3},
}};
constexpr size_t kUnaryLevel = 4;

Value parse_integer(const Token& token) {
  std::string_view digits = token.text;
  int base = 10;
  if (digits.size() > 1 && digits[0] == '0' && digits[1] > '9') {
    base = digits[1] == 'x' ? 16 : digits[1] == 'o' ? 8 : 2;
    digits.remove_prefix(2);
  }
  const auto value = integer_value(std::string(digits), base);
  if (!value) {
    fail_at(token.position,
            fmt::format("a number of more than {} digits", kMaxDigits));
  }
  return *value;
}

double parse_float(const Token& token) {
  double value = 0;
  const auto result = std::from_chars(
      token.text.data(), token.text.data() + token.text.size(), value);
  if (result.ec != std::errc()) {
    fail_at(token.position, "this number is out of range");
  }
  return value;
}

}  // namespace

ExpressionPtr ExpressionParser::make(Position position, Expression::Node node) {
  const size_t depth = 1 + DeepestChild().of(node);
  if (depth > kMaxExpressionDepth) fail_too_deep(position);
  return std::make_unique<const Expression>(
      Expression{position, depth, std::move(node)});
}

ExpressionPtr ExpressionParser::parse() {
  if (depth_ == kMaxExpressionDepth) fail_too_deep(tokens_.current().position);
  ++depth_;
  ExpressionPtr value = parse_condition();
  --depth_;
  return value;
}

ExpressionPtr ExpressionParser::parse_tuple(bool with_condition,
                                            std::string_view stop) {
  const Position position = tokens_.current().position;
  ListDisplay tuple{SequenceKind::kTuple, {}};
  bool has_comma = false;
  const auto at_end = [&] {
    return tokens_.at(TokenKind::kVariableEnd) ||
           tokens_.at(TokenKind::kBlockEnd) || tokens_.at_operator(")") ||
           (!stop.empty() && tokens_.at_name(stop));
  };
  while (!at_end()) {
    tuple.items.push_back(with_condition ? parse() : parse_logical(false));
    if (!tokens_.skip_operator(",")) break;
    has_comma = true;
  }
  if (has_comma) return make(position, std::move(tuple));
  if (tuple.items.empty()) tokens_.fail_here("an expression");
  return std::move(tuple.items.front());
}

ExpressionPtr ExpressionParser::parse_condition() {
  const auto unknown_before = unknown_;
  ExpressionPtr value = parse_logical(false);
  while (tokens_.at_name("if")) {
    const Position position = tokens_.next().position;
    ExpressionPtr condition = parse_logical(false);
    ExpressionPtr otherwise;
    if (tokens_.skip_name("else")) otherwise = parse();
    value = make(position, Conditional{std::move(condition), std::move(value),
                                       std::move(otherwise)});
    forget_unknown_since(unknown_before);
  }
  return value;
}

ExpressionPtr ExpressionParser::parse_logical(bool is_and) {
  const auto operand = [&] {
    return is_and ? parse_not() : parse_logical(true);
  };
  ExpressionPtr left = operand();
  while (tokens_.at_name(is_and ? "and" : "or")) {
    const Position position = tokens_.next().position;
    ExpressionPtr right = operand();
    left = make(position, Logical{is_and, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_not() {
  if (!tokens_.at_name("not")) return parse_comparison();
  const Position position = tokens_.next().position;
  if (++depth_ > kMaxExpressionDepth) fail_too_deep(position);
  ExpressionPtr operand = parse_not();
  --depth_;
  return make(position, Unary{UnaryOp::kNot, std::move(operand)});
}

bool ExpressionParser::at_comparison(CompareOp& op, size_t& tokens) const {
  static constexpr std::array<std::string_view, 6> kSymbols = {
      "==", "!=", "<", "<=", ">", ">="};
  tokens = 1;
  if (tokens_.at(TokenKind::kOperator)) {
    const auto* found =
        std::find(kSymbols.begin(), kSymbols.end(), tokens_.current().text);
    op = static_cast<CompareOp>(found - kSymbols.begin());
    return found != kSymbols.end();
  }
  op = CompareOp::kIn;
  if (tokens_.at_name("in")) return true;
  op = CompareOp::kNotIn;
  tokens = 2;
  return tokens_.at_name("not") && tokens_.ahead().kind == TokenKind::kName &&
         tokens_.ahead().text == "in";
}

ExpressionPtr ExpressionParser::parse_comparison() {
  Comparison comparison{parse_binary(0), {}};
  const Position position = tokens_.current().position;
  CompareOp op{};
  size_t tokens = 0;
  while (at_comparison(op, tokens)) {
    for (size_t i = 0; i < tokens; ++i) tokens_.next();
    comparison.links.emplace_back(op, parse_binary(0));
  }
  if (comparison.links.empty()) return std::move(comparison.first);
  return make(position, std::move(comparison));
}

ExpressionPtr ExpressionParser::parse_binary(size_t level) {
  if (level == kUnaryLevel) return parse_unary(true);
  ExpressionPtr left = parse_binary(level + 1);
  while (tokens_.at(TokenKind::kOperator)) {
    const auto* found =
        std::find_if(kBinarySymbols.begin(), kBinarySymbols.end(),
                     [&](const BinarySymbol& symbol) {
                       return symbol.level == level &&
                              symbol.symbol == tokens_.current().text;
                     });
    if (found == kBinarySymbols.end()) break;
    const Position position = tokens_.next().position;
    ExpressionPtr right = parse_binary(level + 1);
    left = make(position, Binary{found->op, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_unary(bool with_filters) {
  ExpressionPtr value;
  if (tokens_.at_operator("-") || tokens_.at_operator("+")) {
    const Token& sign = tokens_.next();
    if (++depth_ > kMaxExpressionDepth) fail_too_deep(sign.position);
    const UnaryOp op = sign.text == "-" ? UnaryOp::kNegate : UnaryOp::kIdentity;
    value = make(sign.position, Unary{op, parse_unary(false)});
    --depth_;
  } else {
    value = parse_primary();
  }
  value = parse_postfix(std::move(value));
  return with_filters ? parse_filters(std::move(value)) : std::move(value);
}

ExpressionPtr ExpressionParser::parse_primary() {
  switch (tokens_.current().kind) {
    case TokenKind::kName:
      return parse_name();
    case TokenKind::kString:
      return parse_string();
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      return parse_number();
    default:
      if (tokens_.at_operator("(")) return parse_parenthesis();
      if (tokens_.at_operator("[")) return parse_list();
      if (tokens_.at_operator("{")) return parse_dict();
      tokens_.fail_here("an expression");
  }
}

ExpressionPtr ExpressionParser::parse_name() {
  const Token& token = tokens_.next();
  const std::string& name = token.text;
  if (name == "true" || name == "True") {
    return make(token.position, Literal{Value(true)});
  }
  if (name == "false" || name == "False") {
    return make(token.position, Literal{Value(false)});
  }
  if (name == "none" || name == "None") {
    return make(token.position, Literal{Value()});
  }
  if (macro_ != nullptr) {
    macro_->takes_varargs = macro_->takes_varargs || name == "varargs";
    macro_->takes_kwargs = macro_->takes_kwargs || name == "kwargs";
    macro_->takes_caller = macro_->takes_caller || name == "caller";
  }
  return make(token.position, Name{name});
}

ExpressionPtr ExpressionParser::parse_number() {
  const Token& token = tokens_.next();
  return make(token.position, Literal{token.kind == TokenKind::kInteger
                                          ? parse_integer(token)
                                          : Value(parse_float(token))});
}

ExpressionPtr ExpressionParser::parse_string() {
  const Position position = tokens_.current().position;
  std::string text;
  while (tokens_.at(TokenKind::kString)) text += tokens_.next().text;
  return make(position, Literal{Value(std::move(text))});
}

ExpressionPtr ExpressionParser::parse_parenthesis() {
  const Position position = tokens_.next().position;
  if (tokens_.skip_operator(")")) {
    return make(position, ListDisplay{SequenceKind::kTuple, {}});
  }
  ExpressionPtr value = parse_tuple();
  tokens_.expect_operator(")");
  return value;
}

ExpressionPtr ExpressionParser::parse_list() {
  const Position position = tokens_.next().position;
  ListDisplay list{SequenceKind::kList, {}};
  while (!tokens_.at_operator("]")) {
    list.items.push_back(parse());
    if (!tokens_.skip_operator(",")) break;
  }
  tokens_.expect_operator("]");
  return make(position, std::move(list));
}

ExpressionPtr ExpressionParser::parse_dict() {
  const Position position = tokens_.next().position;
  DictDisplay dict;
  while (!tokens_.at_operator("}")) {
    ExpressionPtr key = parse();
    tokens_.expect_operator(":");
    dict.entries.emplace_back(std::move(key), parse());
    if (!tokens_.skip_operator(",")) break;
  }
  tokens_.expect_operator("}");
  return make(position, std::move(dict));
}

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr value) {
  while (true) {
    if (tokens_.at_operator(".")) {
      value = parse_member(std::move(value));
    } else if (tokens_.at_operator("[")) {
      value = parse_subscript(std::move(value));
    } else if (tokens_.at_operator("(")) {
      value = parse_call(std::move(value));
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::parse_filters(ExpressionPtr value) {
  while (true) {
    if (tokens_.at_operator("|")) {
      value = parse_filter(std::move(value));
    } else if (tokens_.at_name("is")) {
      value = parse_test(std::move(value));
    } else if (tokens_.at_operator("(")) {
      value = parse_call(std::move(value));
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::parse_member(ExpressionPtr object) {
  const Position position = tokens_.next().position;
  if (tokens_.at(TokenKind::kInteger)) {
    ExpressionPtr index = parse_number();
    return make(position, ItemOf{std::move(object), std::move(index)});
  }
  const Token& name = tokens_.expect(TokenKind::kName, "a name or a number");
  return make(position, AttributeOf{std::move(object), name.text});
}

ExpressionPtr ExpressionParser::parse_subscript(ExpressionPtr object) {
  const Position position = tokens_.next().position;
  ExpressionPtr parts[3];  // start, stop, step
  size_t part = 0;
  while (!tokens_.at_operator("]")) {
    if (tokens_.at_operator(":") && part < 2) {
      tokens_.next();
      ++part;
    } else if (parts[part] == nullptr) {
      parts[part] = parse();
    } else {
      break;
    }
  }
  if (part == 0 && parts[0] == nullptr) tokens_.fail_here("an expression");
  if (tokens_.at_operator(",")) {
    fail_at(tokens_.current().position,
            "a subscript of several parts is not supported");
  }
  tokens_.expect_operator("]");
  if (part == 0) {
    return make(position, ItemOf{std::move(object), std::move(parts[0])});
  }
  return make(position, SliceOf{std::move(object), std::move(parts[0]),
                                std::move(parts[1]), std::move(parts[2])});
}

ExpressionPtr ExpressionParser::parse_call(ExpressionPtr callee) {
  const Position position = tokens_.current().position;
  CallArguments arguments = parse_arguments();
  return make(position, CallOf{std::move(callee), std::move(arguments)});
}

CallArguments ExpressionParser::parse_arguments() {
  tokens_.expect_operator("(");
  CallArguments arguments;
  while (!tokens_.at_operator(")")) {
    parse_argument(arguments);
    if (!tokens_.skip_operator(",")) break;
  }
  tokens_.expect_operator(")");
  return arguments;
}

// The order is Python's: values, *values, names, **names.
void ExpressionParser::parse_argument(CallArguments& arguments) {
  const Position position = tokens_.current().position;
  if (arguments.more_named != nullptr) {
    fail_at(position, "an argument after '**'");
  }
  if (tokens_.skip_operator("**")) {
    arguments.more_named = parse();
    return;
  }
  if (tokens_.skip_operator("*")) {
    if (arguments.more_positional != nullptr) fail_at(position, "a second '*'");
    arguments.more_positional = parse();
    return;
  }
  const bool is_named = tokens_.at(TokenKind::kName) &&
                        tokens_.ahead().kind == TokenKind::kOperator &&
                        tokens_.ahead().text == "=";
  if (!is_named) {
    if (!arguments.named.empty() || arguments.more_positional != nullptr) {
      fail_at(position, "a positional argument after a named one or '*'");
    }
    arguments.positional.push_back(parse());
    return;
  }
  const Token& name = tokens_.next();
  tokens_.next();
  const auto same = [&](const auto& given) { return given.first == name.text; };
  if (std::any_of(arguments.named.begin(), arguments.named.end(), same)) {
    fail_at(position,
            fmt::format("the argument '{}' is given twice", name.text));
  }
  arguments.named.emplace_back(name.text, parse());
}

NamedBuiltin ExpressionParser::named(const Token& name, const Builtin* builtin,
                                     std::string_view kind) {
  if (builtin == nullptr && !unknown_) {
    // Every expression within an optional block copies this.
    constexpr size_t kShown = 100;
    unknown_ = {name.position, fmt::format("unknown {} '{}'", kind,
                                           name.text.substr(0, kShown))};
  }
  return {name.position, name.text, builtin};
}

FilterStep ExpressionParser::parse_filter_step() {
  const Token& name = tokens_.expect(TokenKind::kName, "a filter's name");
  FilterStep step{named(name, find_filter(name.text), "filter"), {}};
  if (tokens_.at_operator("(")) step.arguments = parse_arguments();
  return step;
}

ExpressionPtr ExpressionParser::parse_filter(ExpressionPtr input) {
  tokens_.next();
  FilterStep step = parse_filter_step();
  const Position position = step.filter.position;
  return make(position, FilterOf{std::move(input), std::move(step.filter),
                                 std::move(step.arguments)});
}

// "is divisibleby 3": one argument needs no parentheses.
CallArguments ExpressionParser::parse_test_arguments() {
  if (tokens_.at_operator("(")) return parse_arguments();
  CallArguments arguments;
  const TokenKind kind = tokens_.current().kind;
  const bool starts_value =
      kind == TokenKind::kString || kind == TokenKind::kInteger ||
      kind == TokenKind::kFloat || tokens_.at_operator("[") ||
      tokens_.at_operator("{") ||
      (kind == TokenKind::kName && !tokens_.at_name("else") &&
       !tokens_.at_name("or") && !tokens_.at_name("and"));
  if (!starts_value) return arguments;
  if (tokens_.at_name("is")) {
    fail_at(tokens_.current().position, "tests cannot be chained with 'is'");
  }
  arguments.positional.push_back(parse_postfix(parse_primary()));
  return arguments;
}

ExpressionPtr ExpressionParser::parse_test(ExpressionPtr input) {
  const Position position = tokens_.next().position;
  const bool negated = tokens_.skip_name("not");
  const Token& name = tokens_.expect(TokenKind::kName, "a test's name");
  NamedBuiltin test = named(name, find_test(name.text), "test");
  // A test without parameters takes no argument, so what follows is not one:
  // "x is defined if y".
  const bool takes_one = test.builtin == nullptr
                             ? !tokens_.at_name("if")
                             : !test.builtin->parameters.empty();
  CallArguments arguments;
  if (takes_one || tokens_.at_operator("(")) {
    arguments = parse_test_arguments();
  }
  ExpressionPtr value = make(position, TestOf{std::move(input), std::move(test),
                                              std::move(arguments)});
  if (!negated) return value;
  return make(position, Unary{UnaryOp::kNot, std::move(value)});
}

}  // namespace pilotfish::jinja
