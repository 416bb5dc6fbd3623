#ifndef PILOTFISH_CLI_CONSTRAINT_FLAGS_H_
#define PILOTFISH_CLI_CONSTRAINT_FLAGS_H_

#include <memory>
#include <string>
#include <vector>

#include "cli/flags.h"
#include "pilotfish/constraint.h"

namespace pilotfish::cli {

// What a text has to be, as the flags say; at most one of the four.
struct ConstraintOptions {
  std::string json_schema;  // a file or, as it begins with '{', the text
  std::string regex;
  std::string grammar;  // the same, as it has a "::="
  std::vector<std::string> choices;
  JsonSchemaOptions json;

  bool given() const {
    return !json_schema.empty() || !regex.empty() || !grammar.empty() ||
           !choices.empty();
  }
};
void add_constraint_options(Command& command, ConstraintOptions& options);

// How JSON is written and read, for whatever command takes a schema; the flags
// that were declared.
std::vector<Flag> add_json_flags(const FlagGroup& group,
                                 JsonSchemaOptions& options);

// Null where none is given. Throws UsageError, which names the flag, for one
// that cannot be used, and Error for a file that cannot be read.
std::shared_ptr<const Constraint> constraint_of(
    const ConstraintOptions& options);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_CONSTRAINT_FLAGS_H_
