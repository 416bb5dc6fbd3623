#ifndef PILOTFISH_CLI_LINE_CONSTRAINTS_H_
#define PILOTFISH_CLI_LINE_CONSTRAINTS_H_

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

#include "pilotfish/constraint.h"

namespace pilotfish::cli {

// The parameters of a line of prompts that say what its text has to be:
// "json_schema" (an object), "regex", "grammar" (texts) and "choice" (a list of
// texts). Lines mostly ask for the same, which is compiled once.
class LineConstraints {
 public:
  // How the JSON of all schemas is written and read.
  explicit LineConstraints(const JsonSchemaOptions& json = {}) : json_(json) {}

  static std::span<const std::string_view> names();

  // Null: the parameter is none of these. Throws UsageError where its value
  // cannot be used.
  std::shared_ptr<const Constraint> read(std::string_view name,
                                         const nlohmann::ordered_json& value);

 private:
  std::shared_ptr<const Constraint> make(std::string_view name,
                                         const std::string& text) const;

  JsonSchemaOptions json_;
  std::map<std::string, std::shared_ptr<const Constraint>> made_;
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_LINE_CONSTRAINTS_H_
