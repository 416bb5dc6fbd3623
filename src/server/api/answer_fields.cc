#include "server/api/answer_fields.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "server/errors.h"
#include "server/json_slice.h"

namespace pilotfish::server {
namespace {

using Kind = TextRule::Kind;

TextRule rule(Kind kind, std::string source, std::string where) {
  return {.kind = kind,
          .sources = {std::move(source)},
          .json = {},
          .where = std::move(where)};
}

// A schema: JSON, or with `as_text` perhaps a text that holds it.
TextRule schema_rule(const Fields& fields, std::string_view name,
                     std::string_view text, bool as_text = false) {
  const InJson* schema = fields.find(name);
  const std::string where = fields.path_of(name);
  if (schema == nullptr) fields.refuse(name, "is missing");
  if (as_text && schema->is_string()) {
    return rule(Kind::kJsonSchema, schema->get<std::string>(), where);
  }
  if (!schema->is_object() && !schema->is_boolean()) {
    fields.refuse(name, "is neither an object nor true or false");
  }
  return rule(Kind::kJsonSchema, std::string(json_member(text, name)), where);
}

TextRule object_rule(const Fields& format) {
  return {.kind = Kind::kJsonObject,
          .sources = {},
          .json = {},
          .where = format.path_of("type")};
}

// {"type": "json_schema", "json_schema": {"schema", "strict"}}
std::optional<TextRule> response_format_rule(const Fields& format,
                                             std::string_view text) {
  const std::string type = format.string("type").value_or("text");
  if (type == "json_schema") {
    const std::optional<Fields> held = format.object("json_schema");
    // llama.cpp also takes the schema beside the type.
    if (!held && format.has("schema")) return format_rule(format, text);
    if (!held) format.refuse("json_schema", "is missing");
    TextRule read =
        schema_rule(*held, "schema", json_member(text, "json_schema"));
    read.json.lenient = !held->boolean("strict").value_or(false);
    return read;
  }
  if (type == "json_object" && format.has("schema")) {
    TextRule read = schema_rule(format, "schema", text);
    read.json.lenient = true;
    return read;
  }
  return format_rule(format, text);
}

std::optional<TextRule> only_rule(const Fields& fields, std::string_view body,
                                  std::span<const std::string_view> names);

// Those of a request, and those inside of structured_outputs.
constexpr std::string_view kRuleNames[] = {
    "response_format", "grammar",       "json_schema",    "guided_json",
    "guided_regex",    "guided_choice", "guided_grammar", "structured_outputs"};
constexpr std::string_view kStructuredNames[] = {"json", "regex", "choice",
                                                 "grammar"};

// Reads a field that constrains the text; nullopt: it does not.
std::optional<TextRule> rule_of(const Fields& fields, std::string_view name,
                                std::string_view body) {
  const std::string where = fields.path_of(name);
  if (name == "response_format") {
    return response_format_rule(*fields.object(name), json_member(body, name));
  }
  if (name == "structured_outputs") {
    return only_rule(*fields.object(name), json_member(body, name),
                     kStructuredNames);
  }
  if (name.ends_with("choice")) {
    std::vector<std::string> texts = *fields.strings(name);
    if (texts.empty()) fields.refuse(name, "has no texts");
    return TextRule{Kind::kChoice, std::move(texts), {}, where};
  }
  if (name.ends_with("json") || name == "json_schema") {
    TextRule read = schema_rule(fields, name, body, true);
    read.json.lenient = true;
    return read;
  }
  std::string source = *fields.string(name);
  if (source.empty()) return std::nullopt;
  const bool is_regex = name.ends_with("regex");
  return rule(is_regex ? Kind::kRegex : Kind::kGbnf, std::move(source), where);
}

// The one of these fields that constrains the text.
std::optional<TextRule> only_rule(const Fields& fields, std::string_view body,
                                  std::span<const std::string_view> names) {
  std::optional<TextRule> found;
  for (const std::string_view name : names) {
    if (!fields.has(name)) continue;
    std::optional<TextRule> more = rule_of(fields, name, body);
    if (!more) continue;
    if (found) {
      fields.refuse(name,
                    fmt::format("cannot be kept beside {}", found->where));
    }
    found = std::move(more);
  }
  return found;
}

void constrain(WantedText& wanted, AnswerRules rules, const ToolSyntax& syntax,
               const ServerContext& context) {
  if (rules.constrains()) {
    try {
      wanted.request.constraint = context.constraints->get(rules, syntax);
    } catch (const BadRule& bad) {
      throw bad_field(bad.where(), bad.what());
    }
  }
  if (!rules.may_call() && !syntax.announces_text()) return;
  wanted.format = std::make_shared<const AnswerFormat>(
      AnswerFormat{std::move(rules), syntax});
}

}  // namespace

std::optional<TextRule> format_rule(const Fields& format,
                                    std::string_view text) {
  const std::string type = format.string("type").value_or("text");
  if (type == "text") return std::nullopt;
  if (type == "json_object") return object_rule(format);
  if (type == "json_schema") {
    TextRule read = schema_rule(format, "schema", text);
    read.json.lenient = !format.boolean("strict").value_or(false);
    return read;
  }
  format.refuse("type", fmt::format("\"{}\" is none of text, json_object, "
                                    "json_schema",
                                    type));
}

std::optional<TextRule> text_rule(const Fields& fields, std::string_view body) {
  return only_rule(fields, body, kRuleNames);
}

Thinking thinking_of(const ChatPrompt& prompt, bool splits,
                     const ServerContext& context) {
  if (opens_reasoning(prompt.rendered.text)) return Thinking::kBegun;
  const bool knows =
      context.chat_template_source.find("<think>") != std::string::npos;
  if (!splits || !knows) return Thinking::kNone;
  const std::string_view text = prompt.rendered.text;
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  const bool is_over = last != std::string_view::npos &&
                       text.substr(0, last + 1).ends_with("</think>");
  return is_over ? Thinking::kNone : Thinking::kMay;
}

void constrain_answer(WantedText& wanted, std::optional<TextRule> text,
                      ToolFields tools, Thinking thinking,
                      const ServerContext& context) {
  constrain(wanted,
            {.text = std::move(text),
             .thinking = thinking,
             .tools = std::move(tools.tools),
             .calls = tools.calls,
             .many_calls = tools.many_calls},
            ToolSyntax(context.chat_template_source, *context.tokenizer),
            context);
}

void constrain_text(WantedText& wanted, std::optional<TextRule> text,
                    const ServerContext& context) {
  constrain(wanted, {.text = std::move(text)},
            ToolSyntax({}, *context.tokenizer), context);
}

}  // namespace pilotfish::server
