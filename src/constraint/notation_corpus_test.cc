#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "constraint/testing/try_notation.h"
#include "source_dir.h"
#include "test_data.h"

namespace pilotfish {
namespace {

template <class Try>
void replay_notations(const char* name, Try&& try_case) {
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(
           test::source_dir() / "fuzz" / "corpus" / name)) {
    SCOPED_TRACE(entry.path().string());
    const std::string source = test::read_file(entry.path());
    try {
      try_case(source);
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
    ++cases;
  }
  EXPECT_GT(cases, 3);
}

TEST(FuzzCorpus, NotationsAreHarmless) {
  replay_notations("regex", test::try_regex);
  replay_notations("gbnf", test::try_gbnf);
}

}  // namespace
}  // namespace pilotfish
