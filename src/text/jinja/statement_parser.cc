#include <fmt/core.h>

#include <algorithm>
#include <initializer_list>

#include "text/jinja/limits.h"
#include "text/jinja/parser.h"

namespace pilotfish::jinja {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view source)
      : tokens_(tokenize(source)), expressions_(tokens_) {}

  Block run() {
    Block block = parse_block({});
    if (const auto& unknown = expressions_.unknown()) {
      fail_at(unknown->position, unknown->what);
    }
    return block;
  }

 private:
  using Names = std::initializer_list<std::string_view>;

  // Statements up to a tag of one of `ends`, which is left at its name; up to
  // the template's end where there are none.
  Block parse_block(Names ends) {
    if (++depth_ > kMaxBlockDepth) {
      fail_at(tokens_.current().position,
              fmt::format("blocks nested deeper than the {} levels allowed",
                          kMaxBlockDepth));
    }
    Block block;
    while (!tokens_.at(TokenKind::kEnd)) {
      const Position position = tokens_.current().position;
      if (tokens_.at(TokenKind::kData)) {
        add(block, position, Text{{tokens_.next().text}});
      } else if (tokens_.at(TokenKind::kVariableBegin)) {
        tokens_.next();
        add(block, position, Output{expressions_.parse_tuple()});
        tokens_.expect(TokenKind::kVariableEnd, "'}}'");
      } else {
        tokens_.expect(TokenKind::kBlockBegin, "a tag");
        const bool ended = std::any_of(
            ends.begin(), ends.end(),
            [&](std::string_view end) { return tokens_.at_name(end); });
        if (ended) {
          --depth_;
          return block;
        }
        add(block, position, parse_statement());
        end_tag();
      }
    }
    if (ends.size() > 0) {
      tokens_.fail_here(fmt::format("'{{% {} %}}'", *(ends.end() - 1)));
    }
    --depth_;
    return block;
  }

  // The same for a block that a render may leave out.
  Block parse_optional_block(Names ends) {
    const auto unknown_before = expressions_.unknown();
    Block block = parse_block(ends);
    expressions_.forget_unknown_since(unknown_before);
    return block;
  }

  static void add(Block& block, Position position, Statement::Node node) {
    block.push_back(std::make_unique<const Statement>(
        Statement{position, std::move(node)}));
  }

  void end_tag() { tokens_.expect(TokenKind::kBlockEnd, "'%}'"); }

  // The block of a tag up to {% end %}, of which the closing is left.
  Block parse_body(std::string_view end, bool is_optional = false) {
    end_tag();
    Block body = is_optional ? parse_optional_block({end}) : parse_block({end});
    tokens_.next();
    return body;
  }

  // Reads on after "{%" and leaves the "%}" that closes the statement.
  Statement::Node parse_statement() {
    const Token& tag = tokens_.expect(TokenKind::kName, "a tag's name");
    const std::string& name = tag.text;
    if (name == "if") return parse_if();
    if (name == "for") return parse_for();
    if (name == "set") return parse_set();
    if (name == "macro") return parse_macro();
    if (name == "call") return parse_call_block();
    if (name == "generation") return parse_generation();
    if (name == "filter") return parse_filter_block();
    if (name == "with") return parse_with();
    if (name == "break" || name == "continue") {
      if (loops_ == 0) {
        fail_at(tag.position, fmt::format("'{}' outside a for block", name));
      }
      if (name == "break") return Break{};
      return Continue{};
    }
    fail_at(tag.position, fmt::format("unknown or misplaced tag '{}'", name));
  }

  If parse_if() {
    If statement;
    while (true) {
      ExpressionPtr condition = expressions_.parse_tuple(false);
      end_tag();
      Block body = parse_optional_block({"elif", "else", "endif"});
      statement.branches.push_back({std::move(condition), std::move(body)});
      if (!tokens_.skip_name("elif")) break;
    }
    if (tokens_.skip_name("else")) {
      end_tag();
      statement.otherwise = parse_optional_block({"endif"});
    }
    tokens_.next();
    return statement;
  }

  For parse_for() {
    For statement;
    ++loops_;
    statement.target = parse_target("in");
    --loops_;
    tokens_.expect_name("in");
    statement.iterable = expressions_.parse_tuple(false, "recursive");
    if (tokens_.skip_name("if")) statement.condition = expressions_.parse();
    statement.recursive = tokens_.skip_name("recursive");
    end_tag();
    ++loops_;
    statement.body = parse_optional_block({"else", "endfor"});
    --loops_;
    if (tokens_.skip_name("else")) {
      end_tag();
      statement.otherwise = parse_optional_block({"endfor"});
    }
    tokens_.next();
    return statement;
  }

  // Names joined by commas; parentheses group.
  Target parse_target(std::string_view stop) {
    Target tuple;
    tuple.position = tokens_.current().position;
    while (true) {
      const bool at_end = tokens_.at(TokenKind::kBlockEnd) ||
                          tokens_.at_operator("=") ||
                          tokens_.at_operator(")") || tokens_.at_name(stop);
      if (at_end && !tuple.elements.empty()) break;
      tuple.elements.push_back(parse_target_element());
      if (!tokens_.skip_operator(",")) break;
      tuple.is_tuple = true;
    }
    if (tuple.is_tuple) return tuple;
    Target only = std::move(tuple.elements.front());
    return only;
  }

  Target parse_target_element() {
    if (tokens_.skip_operator("(")) {
      if (++depth_ > kMaxBlockDepth) tokens_.fail_here("a name");
      Target target = parse_target("in");
      --depth_;
      tokens_.expect_operator(")");
      return target;
    }
    Target target;
    target.position = tokens_.current().position;
    target.name = parse_assignable();
    return target;
  }

  std::string parse_assignable() {
    const Token& name = tokens_.expect(TokenKind::kName, "a name");
    for (const std::string_view constant :
         {"true", "false", "none", "True", "False", "None"}) {
      if (name.text == constant) {
        fail_at(name.position,
                fmt::format("'{}' cannot be assigned to", constant));
      }
    }
    if (loops_ > 0 && name.text == "loop") {
      fail_at(name.position, "'loop' cannot be assigned to in a for block");
    }
    return name.text;
  }

  Statement::Node parse_set() {
    Target target;
    const bool is_attribute = tokens_.at(TokenKind::kName) &&
                              tokens_.ahead().kind == TokenKind::kOperator &&
                              tokens_.ahead().text == ".";
    if (is_attribute) {
      target.position = tokens_.current().position;
      target.name = tokens_.next().text;
      tokens_.next();
      target.attribute = tokens_.expect(TokenKind::kName, "a name").text;
    } else {
      target = parse_target({});
    }
    if (tokens_.skip_operator("=")) {
      return Set{std::move(target), expressions_.parse_tuple()};
    }
    Capture capture;
    capture.target = std::move(target);
    while (tokens_.skip_operator("|")) {
      capture.filters.push_back(expressions_.parse_filter_step());
    }
    capture.body = parse_body("endset");
    return capture;
  }

  Capture parse_filter_block() {
    Capture capture;
    do {
      capture.filters.push_back(expressions_.parse_filter_step());
    } while (tokens_.skip_operator("|"));
    capture.body = parse_body("endfilter");
    return capture;
  }

  With parse_with() {
    With with;
    while (!tokens_.at(TokenKind::kBlockEnd)) {
      if (!with.variables.empty()) tokens_.expect_operator(",");
      Target target = parse_target_element();
      tokens_.expect_operator("=");
      with.variables.emplace_back(std::move(target), expressions_.parse());
    }
    with.body = parse_body("endwith");
    return with;
  }

  std::vector<Parameter> parse_parameters() {
    std::vector<Parameter> parameters;
    tokens_.expect_operator("(");
    while (!tokens_.at_operator(")")) {
      const Position position = tokens_.current().position;
      Parameter parameter{parse_assignable(), nullptr};
      for (const Parameter& other : parameters) {
        if (other.name == parameter.name) {
          fail_at(position,
                  fmt::format("the parameter '{}' comes twice", other.name));
        }
      }
      if (tokens_.skip_operator("=")) {
        parameter.otherwise = expressions_.parse();
      } else if (!parameters.empty() &&
                 parameters.back().otherwise != nullptr) {
        fail_at(position, "a parameter without a default after one with it");
      }
      parameters.push_back(std::move(parameter));
      if (!tokens_.skip_operator(",")) break;
    }
    tokens_.expect_operator(")");
    return parameters;
  }

  // What a macro's body may do does not depend on the loops around it.
  void parse_macro_body(MacroDefinition& macro, std::string_view end) {
    MacroDefinition* const outer = expressions_.exchange_macro(&macro);
    const size_t loops = std::exchange(loops_, 0);
    macro.body = parse_body(end, /*is_optional=*/true);
    loops_ = loops;
    expressions_.exchange_macro(outer);
  }

  MacroDefinition parse_macro() {
    MacroDefinition macro;
    macro.name = parse_assignable();
    macro.parameters = parse_parameters();
    parse_macro_body(macro, "endmacro");
    return macro;
  }

  CallBlock parse_call_block() {
    CallBlock block;
    block.body.name = "caller";
    if (tokens_.at_operator("(")) block.body.parameters = parse_parameters();
    const Position position = tokens_.current().position;
    block.call = expressions_.parse();
    if (!std::holds_alternative<CallOf>(block.call->node)) {
      fail_at(position, "expected the call of a macro");
    }
    parse_macro_body(block.body, "endcall");
    return block;
  }

  CallBlock parse_generation() {
    CallBlock block;
    block.body.name = "generation";
    parse_macro_body(block.body, "endgeneration");
    return block;
  }

  TokenStream tokens_;
  ExpressionParser expressions_;
  size_t depth_ = 0;
  size_t loops_ = 0;  // for blocks around this place, within its macro
};

}  // namespace

Block parse_template(std::string_view source) { return Parser(source).run(); }

}  // namespace pilotfish::jinja
