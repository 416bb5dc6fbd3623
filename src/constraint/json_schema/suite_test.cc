// The JSON-Schema-Test-Suite, which is not part of the project: the folder
// PILOTFISH_JSON_SCHEMA_SUITE names a checkout of
// github.com/json-schema-org/JSON-Schema-Test-Suite.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "constraint/json_schema/testing/texts.h"
#include "constraint/json_schema/value.h"
#include "pilotfish/error.h"
#include "test_data.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;
using json_schema::Value;

struct SuiteTally {
  int schemas = 0;
  int compiled = 0;
  int instances = 0;
  int wrong = 0;
  std::map<std::string, int> refusals;
};

void try_suite_case(const Value& entry, const std::string& dialect,
                    const std::string& file, SuiteTally& tally) {
  // The draft is that of the folder, where the schema does not say.
  Value schema = *entry.find("schema");
  if (schema.is(Value::Kind::kObject) && schema.find("$schema") == nullptr) {
    schema.keys.insert(schema.keys.begin(), "$schema");
    schema.items.insert(schema.items.begin(),
                        {.kind = Value::Kind::kString, .text = dialect});
  }
  ++tally.schemas;
  const test::SchemaOrder order(schema);
  try {
    const test::SchemaTexts texts(
        test::json_text(schema, test::order_as_it_is), {.lenient = true});
    ++tally.compiled;
    for (const Value& each : entry.find("tests")->items) {
      const bool is_valid = each.find("valid")->is(Value::Kind::kTrue);
      const Value& instance = *each.find("data");
      const bool accepted =
          texts.contains(test::json_text(instance, test::order_as_it_is)) ||
          texts.contains(test::json_text(instance, order));
      ++tally.instances;
      if (accepted == is_valid) continue;
      ++tally.wrong;
      std::printf("%s: %s: %s: %s, but %s\n", file.c_str(),
                  entry.find("description")->text.c_str(),
                  each.find("description")->text.c_str(),
                  is_valid ? "valid" : "invalid",
                  accepted ? "accepted" : "rejected");
    }
  } catch (const UsageError& error) {
    ++tally.refusals[file];
    std::printf("refused: %s: %s: %s\n", file.c_str(),
                entry.find("description")->text.c_str(), error.what());
  }
}

class SchemaSuite : public ::testing::TestWithParam<const char*> {};

TEST_P(SchemaSuite, IsPassedWhereItIsNotRefused) {
  const char* suite = std::getenv("PILOTFISH_JSON_SCHEMA_SUITE");
  if (suite == nullptr) {
    GTEST_SKIP() << "PILOTFISH_JSON_SCHEMA_SUITE is not set";
  }
  const std::map<std::string, std::string> kDialects = {
      {"draft4", "http://json-schema.org/draft-04/schema#"},
      {"draft7", "http://json-schema.org/draft-07/schema#"},
      {"draft2020-12", "https://json-schema.org/draft/2020-12/schema"}};
  SuiteTally tally;
  const fs::path folder = fs::path(suite) / "tests" / GetParam();
  for (const auto& file : fs::recursive_directory_iterator(folder)) {
    if (file.path().extension() != ".json") continue;
    const Value cases = json_schema::parse_value(test::read_file(file));
    for (const Value& entry : cases.items) {
      try_suite_case(entry, kDialects.at(GetParam()),
                     fs::relative(file, folder), tally);
    }
  }
  std::printf("%d schemas, %d compiled, %d instances, %d wrong\n",
              tally.schemas, tally.compiled, tally.instances, tally.wrong);
  for (const auto& [file, count] : tally.refusals) {
    std::printf("%4d refused in %s\n", count, file.c_str());
  }
}

INSTANTIATE_TEST_SUITE_P(Drafts, SchemaSuite,
                         ::testing::Values("draft4", "draft7", "draft2020-12"));

}  // namespace
}  // namespace pilotfish
