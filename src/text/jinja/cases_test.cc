#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "pilotfish/chat_template.h"
#include "pilotfish/error.h"
#include "test_data.h"
#include "text/jinja/json.h"
#include "text/jinja/template.h"

namespace pilotfish::jinja {
namespace {

// Friday, 26 July 2024, 13:05:09, as in testdata/generate.py.
std::tm fixed_clock() {
  std::tm time = {};
  time.tm_year = 124;
  time.tm_mon = 6;
  time.tm_mday = 26;
  time.tm_hour = 13;
  time.tm_min = 5;
  time.tm_sec = 9;
  time.tm_wday = 5;
  time.tm_yday = 207;
  return time;
}

// The output, or none where the template is refused.
std::optional<std::string> output(const std::string& source,
                                  const Dict& variables) {
  try {
    return Template(source).render(variables, fixed_clock).text;
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Small templates with what Jinja2 made of them (testdata/generate.py).
TEST(JinjaCases, AgreeWithJinja2) {
  const auto suite = nlohmann::ordered_json::parse(test::read_file(
      test::source_dir() / "src/text/jinja/testdata/cases.json"));
  const Value variables = read_json(suite["variables"].dump(), "variables");
  ASSERT_GE(suite["cases"].size(), 800u);
  for (const auto& test : suite["cases"]) {
    const auto source = test["template"].get<std::string>();
    const auto& expected = test["expected"];
    const auto found = output(source, *variables.dict());
    if (expected.is_null()) {
      EXPECT_EQ(found, std::nullopt) << source;
    } else {
      EXPECT_EQ(found, expected.get<std::string>()) << source;
    }
  }
}

// What fuzzing starts from and what it once found: none may crash or hang.
TEST(JinjaCorpus, EveryCaseEnds) {
  const auto folder = test::source_dir() / "fuzz/corpus/jinja";
  size_t rendered = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    try {
      const ChatTemplate source(test::read_file(entry.path()), "<s>", "</s>");
      source.render({{"system", "Be brief."}, {"user", "Hi!"}});
      ++rendered;
    } catch (const Error&) {
      // Refusing is as good.
    }
  }
  EXPECT_GT(rendered, 0u);
}

}  // namespace
}  // namespace pilotfish::jinja
