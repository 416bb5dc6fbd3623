#include <gtest/gtest.h>

#include <filesystem>

#include "pilotfish/chat_template.h"
#include "pilotfish/error.h"
#include "test_data.h"

namespace pilotfish {
namespace {

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
}  // namespace pilotfish
