// The JSON-Schema-Test-Suite, which is not part of the project: the folder
// PILOTFISH_JSON_SCHEMA_SUITE names a checkout of
// github.com/json-schema-org/JSON-Schema-Test-Suite.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "constraint/json_schema/testing/texts.h"
#include "constraint/json_schema/value.h"
#include "pilotfish/error.h"
#include "test_data.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;
using json_schema::Value;

// Where the suite and we differ on purpose; docs/internals/json-schema.md says
// why. Everything else is a mistake.
struct Difference {
  const char* file;
  const char* description;  // of the instance: a part of it
  bool accepted;            // what we say
};
constexpr auto kDifferences = std::to_array<Difference>({
    {"optional/format/hostname.json", "", true},
    {"optional/content.json", "", true},
    {"optional/format/time.json", "leap second", false},
    {"optional/format/date-time.json", "leap second", false},
    {"enum.json", "0.0] is valid", false},
    {"enum.json", "1.0] is valid", false},
    {"enum.json", "float", false},
    {"const.json", "float", false},
    {"type.json", "a float with zero fractional part", false},
    {"format.json", "only an annotation by default", false},
    {"vocabulary.json", "invalid number, but it still validates", false},
});

bool is_on_purpose(const std::string& file, const std::string& description,
                   bool accepted) {
  return std::ranges::any_of(kDifferences, [&](const Difference& each) {
    return file == each.file && accepted == each.accepted &&
           description.find(each.description) != std::string::npos;
  });
}

// Whether the instance is accepted with its own keys, not those of its parts,
// in some order.
bool accepts_in_some_order(const test::SchemaTexts& texts, Value instance) {
  constexpr std::size_t kMostKeys = 5;
  const auto as_it_is = [&] {
    return texts.contains(test::json_text(instance, test::order_as_it_is));
  };
  if (!instance.is(Value::Kind::kObject) || instance.keys.size() > kMostKeys) {
    return as_it_is();
  }
  std::vector<std::size_t> order = test::order_as_it_is(instance);
  const Value given = instance;
  do {
    for (std::size_t i = 0; i < order.size(); ++i) {
      instance.keys[i] = given.keys[order[i]];
      instance.items[i] = given.items[order[i]];
    }
    if (as_it_is()) return true;
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

struct SuiteTally {
  int schemas = 0;
  int compiled = 0;
  int instances = 0;
  int different = 0;
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
    const test::SchemaTexts texts(test::json_text(schema, test::order_as_it_is),
                                  {.lenient = true});
    ++tally.compiled;
    for (const Value& each : entry.find("tests")->items) {
      const bool is_valid = each.find("valid")->is(Value::Kind::kTrue);
      const Value& instance = *each.find("data");
      const bool accepted = texts.contains(test::json_text(instance, order)) ||
                            accepts_in_some_order(texts, instance);
      ++tally.instances;
      if (accepted == is_valid) continue;
      ++tally.different;
      const std::string& what = each.find("description")->text;
      EXPECT_TRUE(is_on_purpose(file, what, accepted))
          << entry.find("description")->text << ": " << what << ": "
          << (is_valid ? "valid" : "invalid") << ", but "
          << (accepted ? "accepted" : "rejected");
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
    SCOPED_TRACE(file.path().string());
    const Value cases = json_schema::parse_value(test::read_file(file));
    for (const Value& entry : cases.items) {
      try_suite_case(entry, kDialects.at(GetParam()),
                     fs::relative(file, folder), tally);
    }
  }
  std::printf("%d schemas, %d compiled, %d instances, %d different\n",
              tally.schemas, tally.compiled, tally.instances, tally.different);
  for (const auto& [file, count] : tally.refusals) {
    std::printf("%4d refused in %s\n", count, file.c_str());
  }
}

INSTANTIATE_TEST_SUITE_P(Drafts, SchemaSuite,
                         ::testing::Values("draft4", "draft7", "draft2020-12"));

}  // namespace
}  // namespace pilotfish
