#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/commands.h"
#include "cli/constraint_flags.h"
#include "cli/flags.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "pilotfish/constraint.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

struct SchemaFlags {
  std::string file;
  JsonSchemaOptions options;
  bool json = false;
};

// Says whether texts can be kept to the schema: its grammar or, as an error,
// what stands in the way.
void run_schema(const SchemaFlags& flags) {
  const bool is_stdin = flags.file == "-";
  const std::string schema = is_stdin ? read_stdin() : read_file(flags.file);
  std::string grammar;
  std::optional<std::string> refusal;
  try {
    Constraint::json_schema(schema, flags.options);  // its size counts too
    grammar = json_schema_to_gbnf(schema, flags.options);
  } catch (const UsageError& error) {
    refusal = error.what();
  }
  if (flags.json) {
    nlohmann::ordered_json json;
    json["enforceable"] = !refusal;
    if (refusal) {
      json["reason"] = *refusal;
    } else {
      json["grammar"] = grammar;
    }
    write_out(dump(json));
  } else if (!refusal) {
    write_out(grammar);
  }
  if (refusal) {
    throw UsageError(fmt::format(
        "{}: {}", is_stdin ? "standard input" : flags.file, *refusal));
  }
}

}  // namespace

void add_schema(CommandLine& line) {
  Command command = line.add_command(
      "schema",
      "Say whether a JSON schema can be enforced, and show its grammar");
  const auto flags = std::make_shared<SchemaFlags>();
  const FlagGroup group = command.group();
  group
      .add_positional("FILE", flags->file,
                      "JSON schema, of drafts 4 to 2020-12; - is standard "
                      "input")
      .required();
  group.add_switch("--json", flags->json,
                   "One JSON object: \"enforceable\", and \"grammar\" or the "
                   "\"reason\" against it");
  add_json_flags(group, flags->options);
  command.on_run([flags] { run_schema(*flags); });
}

}  // namespace pilotfish::cli
