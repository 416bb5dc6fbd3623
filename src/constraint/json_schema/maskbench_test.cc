#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <string>

#include "constraint/effort.h"
#include "constraint/json_schema/testing/texts.h"
#include "constraint/json_schema/value.h"
#include "pilotfish/error.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using json_schema::Value;

constexpr const char* kMaskBench = "schemas/maskbench.jsonl.xz";

std::string unpacked(const std::filesystem::path& path) {
  const std::string command = "xz -dc '" + path.string() + "'";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(
      ::popen(command.c_str(), "r"), ::pclose);
  std::string text;
  char buffer[1 << 16];
  while (const std::size_t size =
             std::fread(buffer, 1, sizeof(buffer), pipe.get())) {
    text.append(buffer, size);
  }
  return text;
}

struct Tally {
  int schemas = 0;
  int compiled = 0;
  int instances = 0;
  std::map<std::string, int> refusals;  // by keyword
  std::int64_t most_effort = 0;         // steps of compiling one
};

// Instances are written as they are; where that is refused, with their keys in
// the order in which the schema lists them.
void check_instances(const Value& entry, const test::SchemaTexts& texts,
                     Tally& tally) {
  const test::SchemaOrder order(*entry.find("schema"));
  for (const Value& each : entry.find("tests")->items) {
    const bool is_valid = each.find("valid")->is(Value::Kind::kTrue);
    const Value& instance = *each.find("data");
    const std::string text = test::json_text(instance, test::order_as_it_is);
    const bool accepted = texts.contains(text) ||
                          texts.contains(test::json_text(instance, order));
    EXPECT_EQ(accepted, is_valid) << text;
    ++tally.instances;
  }
}

// Every 16th schema; all of them, which takes a minute, where the environment
// has PILOTFISH_TEST_ALL.
TEST(MaskBench, VerdictsAreRight) {
  SKIP_WITHOUT_DATA(kMaskBench);
  const int every = std::getenv("PILOTFISH_TEST_ALL") != nullptr ? 1 : 16;
  const std::string lines = unpacked(test::data_path(kMaskBench));
  ASSERT_FALSE(lines.empty()) << "xz is not there";
  Tally tally;
  int number = 0;
  for (std::size_t from = 0; from < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', from), lines.size());
    const std::string_view line(lines.data() + from, end - from);
    from = end + 1;
    if (number++ % every != 0) continue;
    const Value entry = json_schema::parse_value(line);
    SCOPED_TRACE(entry.find("name")->text);
    ++tally.schemas;
    const Effort effort(std::numeric_limits<std::int64_t>::max());
    try {
      const test::SchemaTexts texts(
          test::json_text(*entry.find("schema"), test::order_as_it_is),
          {.lenient = true});
      ++tally.compiled;
      tally.most_effort = std::max(tally.most_effort, effort.spent());
      check_instances(entry, texts, tally);
    } catch (const UsageError& error) {
      const std::string message = error.what();
      const std::string at = message.substr(0, message.find(": "));
      ++tally.refusals[at.substr(at.rfind('/') + 1)];
      std::printf("refused: %s\n", message.c_str());
    }
  }
  std::printf("%d schemas, %d compiled, %d instances\n", tally.schemas,
              tally.compiled, tally.instances);
  // What is real is not near the limit.
  EXPECT_LT(tally.most_effort, Effort::kMost / 2);
  EXPECT_GE(tally.compiled, tally.schemas * 95 / 100);
  EXPECT_GE(tally.instances, 3 * tally.schemas);
}

}  // namespace
}  // namespace pilotfish
