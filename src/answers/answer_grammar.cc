#include "answers/answer_grammar.h"

#include <functional>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "answers/free_text.h"
#include "answers/tagged_arguments.h"
#include "constraint/gbnf.h"
#include "constraint/grammar_facts.h"
#include "constraint/json_schema/schema_grammar.h"
#include "constraint/regex.h"

namespace pilotfish {
namespace {

using Expr = Grammar::Expr;

template <class Make>
auto naming(const std::string& where, Make make) {
  try {
    return make();
  } catch (const UsageError& error) {
    throw BadRule(where, error.what());
  }
}

// A grammar of the text alone; where any text will do, an empty one.
Grammar text_grammar(const TextRule& rule) {
  const auto source = [&] { return std::string_view(rule.sources.at(0)); };
  Grammar grammar;
  switch (rule.kind) {
    case TextRule::Kind::kJsonObject:
      return json_object_grammar(rule.json);
    case TextRule::Kind::kJsonSchema:
      return json_schema_grammar(source(), rule.json);
    case TextRule::Kind::kGbnf:
      return gbnf_to_grammar(source());
    case TextRule::Kind::kRegex:
      grammar.set_start(regex_to_grammar(grammar, source()));
      return grammar;
    case TextRule::Kind::kChoice:
      break;
  }
  if (rule.sources.empty())
    throw UsageError("a choice needs at least one text");
  std::vector<Expr> parts;
  for (const std::string& text : rule.sources) {
    parts.push_back(grammar.text(text));
  }
  grammar.set_start(grammar.choice(std::move(parts)));
  return grammar;
}

class AnswerWriter {
 public:
  AnswerWriter(Grammar& grammar, const AnswerRules& rules,
               const ToolSyntax::Impl& syntax)
      : grammar_(grammar),
        rules_(rules),
        syntax_(syntax),
        format_(syntax.format) {}

  // `text`: what the text has to be, where it has a rule.
  Expr write(std::optional<Expr> text) {
    return behind_thoughts(text ? ruled(*text) : free());
  }

 private:
  bool must_call() const {
    return rules_.may_call() && rules_.calls == AnswerRules::Calls::kMust;
  }

  Expr ruled(Expr text) {
    if (!rules_.may_call()) return announced(text);
    if (must_call()) return first_calls();
    return grammar_.choice({announced(text), first_calls()});
  }

  // Any text, as far as there are tools at all.
  Expr free() {
    if (must_call()) return first_calls();
    const Expr text = announced(text_before({}));
    if (!rules_.may_call()) return text;
    if (format_.trigger.empty()) {
      return grammar_.choice({first_calls(), text});
    }
    std::vector<Expr> answers;
    if (overlaps_itself(format_.trigger)) {
      answers.push_back(text);
      answers.push_back(grammar_.sequence(
          {announced(text_before(format_.trigger)), later_calls()}));
    } else {
      answers.push_back(
          grammar_.sequence({text, grammar_.optional(later_calls())}));
    }
    // Else the empty text stands in front of them.
    if (!format_.before_text.empty()) answers.push_back(first_calls());
    return grammar_.choice(std::move(answers));
  }

  Expr announced(Expr text) {
    std::vector<Expr> before;
    for (const std::string& words : syntax_.before_texts()) {
      before.push_back(syntax_.written(grammar_, words));
    }
    return grammar_.sequence({grammar_.choice(std::move(before)), text});
  }

  // A text that nobody could take for a call, and that `trigger` follows.
  Expr text_before(std::string_view trigger) {
    FreeText without;
    without.thinks = rules_.thinking == Thinking::kMay;
    if (syntax_.is_plain(format_.trigger)) without.inside = format_.trigger;
    without.before_inside = !trigger.empty();
    if (format_.trigger.empty()) without.begins = plain_beginnings();
    return write_free_text(grammar_, without);
  }

  // Of calls that begin an answer.
  std::vector<std::string> plain_beginnings() const {
    std::vector<std::string> beginnings;
    for (const std::string_view opening : syntax_.openings()) {
      if (!syntax_.is_plain(opening)) continue;
      for (const Tool& tool : rules_.tools) {
        beginnings.push_back(std::string(opening) + tool.name +
                             std::string(format_.behind_name));
      }
    }
    return beginnings;
  }

  Expr first_calls() { return calls(syntax_.first_openings()); }
  Expr later_calls() { return calls(syntax_.openings()); }

  Expr calls(const std::vector<std::string_view>& openings) {
    std::vector<Expr> begin;
    for (const std::string_view opening : openings) {
      begin.push_back(syntax_.written(grammar_, opening));
    }
    std::vector<Expr> parts = {grammar_.choice(std::move(begin)), call()};
    if (rules_.many_calls && !format_.again.empty()) {
      parts.push_back(grammar_.repeat(
          grammar_.sequence({syntax_.written(grammar_, format_.again), call()}),
          0, Grammar::kUnlimited));
    }
    parts.push_back(syntax_.written(grammar_, format_.close));
    return grammar_.sequence(std::move(parts));
  }

  // From its name on.
  Expr call() {
    if (call_) return grammar_.call(*call_);
    call_ = grammar_.declare("call");
    std::vector<Expr> tools;
    for (const Tool& tool : rules_.tools) {
      tools.push_back(grammar_.sequence(
          {grammar_.text(tool.name),
           syntax_.written(grammar_, format_.behind_name),
           naming(tool.where, [&] { return arguments(tool); }), behind()}));
    }
    grammar_.define(*call_, grammar_.choice(std::move(tools)));
    return grammar_.call(*call_);
  }

  Expr arguments(const Tool& tool) {
    const std::string schema = arguments_schema(tool);
    if (format_.arguments == ToolFormat::Arguments::kTagged) {
      return write_tagged_arguments(grammar_, schema, tool.lenient);
    }
    return write_json_schema(grammar_, schema, {.lenient = tool.lenient});
  }

  Expr behind() {
    const Expr end = syntax_.written(grammar_, format_.behind_arguments);
    if (!format_.has_short_ids || format_.behind_arguments.empty()) return end;
    const Expr id = grammar_.sequence(
        {grammar_.text(kIdBegins), regex_to_grammar(grammar_, "[a-zA-Z0-9]{9}"),
         grammar_.text("\"")});
    return grammar_.sequence({grammar_.optional(id), end});
  }

  Expr behind_thoughts(Expr answer) {
    if (rules_.thinking == Thinking::kNone) return answer;
    const Expr thought = grammar_.sequence(
        {write_free_text(grammar_,
                         {.inside = kThinkEnds, .before_inside = true}),
         grammar_.text(kThinkEnds), write_white_space(grammar_)});
    const bool begun = rules_.thinking == Thinking::kBegun;
    const Expr whole = begun ? thought
                             : grammar_.optional(grammar_.sequence(
                                   {write_white_space(grammar_),
                                    grammar_.text(kThinkBegins), thought}));
    const Grammar::Rule rule = grammar_.declare("answer");
    grammar_.define(rule, answer);
    return grammar_.sequence({whole, grammar_.call(rule)});
  }

  Grammar& grammar_;
  const AnswerRules& rules_;
  const ToolSyntax::Impl& syntax_;
  const ToolFormat& format_;
  std::optional<Grammar::Rule> call_;
};

}  // namespace

Grammar answer_grammar(const AnswerRules& rules,
                       const ToolSyntax::Impl& syntax) {
  Grammar grammar;
  std::optional<Expr> text;
  if (rules.text) {
    grammar =
        naming(rules.text->where, [&] { return text_grammar(*rules.text); });
    text = grammar.start();
    // Beside calls nobody would notice.
    if (exprs_with_texts(grammar)[static_cast<std::size_t>(*text)] == 0) {
      throw BadRule(rules.text->where, "no text at all can satisfy it");
    }
  }
  grammar.set_start(AnswerWriter(grammar, rules, syntax).write(text));
  return grammar;
}

std::string arguments_schema(const Tool& tool) {
  if (tool.parameters.empty()) {
    return R"({"type": "object", "additionalProperties": false})";
  }
  const nlohmann::json schema =
      nlohmann::json::parse(tool.parameters, nullptr, false);
  if (!schema.is_object()) {
    throw UsageError("#: expected the schema of an object");
  }
  if (schema.contains("$ref")) return tool.parameters;
  const auto type = schema.find("type");
  if (type == schema.end()) {
    // Everything else stays as it is written, the order of members too.
    const std::size_t first = tool.parameters.find('{') + 1;
    return tool.parameters.substr(0, first) + "\"type\": \"object\"" +
           (schema.empty() ? "" : ", ") + tool.parameters.substr(first);
  }
  if (*type != "object") {
    throw UsageError(
        "#/type: expected \"object\", which is what arguments are");
  }
  return tool.parameters;
}

}  // namespace pilotfish
