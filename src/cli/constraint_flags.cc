#include "cli/constraint_flags.h"

#include <fmt/format.h>

#include "cli/terminal.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

JsonSchemaOptions::Whitespace parse_whitespace(const std::string& text) {
  using Whitespace = JsonSchemaOptions::Whitespace;
  if (text == "flexible") return Whitespace::kFlexible;
  if (text == "spaced") return Whitespace::kSpaced;
  if (text == "compact") return Whitespace::kCompact;
  throw UsageError(fmt::format(
      "--json-whitespace: found \"{}\", expected flexible, spaced or compact",
      text));
}

// What a value stands for, a file's content or, where it is no file's name, the
// value itself; and what messages call it.
struct Source {
  std::string name;
  std::string text;
};

Source source_of(const std::string& value, const char* flag, bool is_text) {
  return is_text ? Source{flag, value} : Source{value, read_file(value)};
}

bool is_schema(const std::string& value) {
  return value.find_first_not_of(" \t\r\n") == value.find('{');
}

bool is_grammar(const std::string& value) {
  return value.find("::=") != value.npos;
}

// What `make` makes; a refusal begins with the place that it is about.
template <typename Make>
std::shared_ptr<const Constraint> made(const std::string& place,
                                       const Make& make) {
  try {
    return make();
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", place, error.what()));
  }
}

}  // namespace

std::vector<Flag> add_json_flags(const FlagGroup& group,
                                 JsonSchemaOptions& options) {
  const Flag whitespace =
      group
          .add_parsed<std::string>(
              "--json-whitespace",
              [&options](const std::string& text) {
                options.whitespace = parse_whitespace(text);
              },
              "HOW",
              "Blanks and line breaks in JSON: flexible (the default: as "
              "models like to write them), spaced (one behind each ':' and "
              "',') or compact (none)")
          .offers({"flexible", "spaced", "compact"});
  const Flag order = group.add_switch(
      "--any-order", [&options] { options.keep_order = false; },
      "Properties may come in any order (default: in the schema's)");
  const Flag lenient =
      group.add_switch("--lenient-schema", options.lenient,
                       "Take keywords of a schema that are unknown here and "
                       "say nothing about which texts are valid");
  return {whitespace, order, lenient};
}

void add_constraint_options(Command& command, ConstraintOptions& options) {
  const FlagGroup group = command.group("Structure of the text");
  Flag schema =
      group.add("--json-schema", options.json_schema, "FILE",
                "JSON that is valid by this schema, a file or the text itself");
  Flag regex = group.add("--regex", options.regex, "R",
                         "What this regular expression matches as a whole, in "
                         "RE2's syntax");
  Flag grammar =
      group.add("--grammar", options.grammar, "FILE",
                "What this grammar gives, in GBNF, a file or the text itself");
  Flag choice =
      group.add("--choice", options.choices, "TEXT", "One of these texts")
          .repeatable()
          .has_escapes();
  regex.excludes(schema);
  grammar.excludes(schema).excludes(regex);
  choice.excludes(schema).excludes(regex).excludes(grammar);
  for (Flag& flag : add_json_flags(group, options.json)) flag.needs({schema});
}

std::shared_ptr<const Constraint> constraint_of(
    const ConstraintOptions& options) {
  if (!options.json_schema.empty()) {
    const Source schema = source_of(options.json_schema, "--json-schema",
                                    is_schema(options.json_schema));
    return made(schema.name, [&] {
      return Constraint::json_schema(schema.text, options.json);
    });
  }
  if (!options.regex.empty()) {
    return made("--regex", [&] { return Constraint::regex(options.regex); });
  }
  if (!options.grammar.empty()) {
    const Source grammar =
        source_of(options.grammar, "--grammar", is_grammar(options.grammar));
    return made(grammar.name, [&] { return Constraint::gbnf(grammar.text); });
  }
  if (!options.choices.empty()) {
    return made("--choice",
                [&] { return Constraint::choice(options.choices); });
  }
  return nullptr;
}

}  // namespace pilotfish::cli
