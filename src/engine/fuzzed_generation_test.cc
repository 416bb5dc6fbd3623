#include "engine/testing/fuzzed_generation.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "source_dir.h"
#include "test_data.h"

namespace pilotfish {
namespace {

std::vector<std::uint8_t> bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

TEST(FuzzedGeneration, TheCorpusHolds) {
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(
           test::source_dir() / "fuzz/corpus/generate")) {
    const auto bytes = bytes_of(test::read_file(entry.path()));
    EXPECT_NO_THROW(testing::FuzzedGeneration(bytes).run()) << entry.path();
    ++cases;
  }
  EXPECT_GT(cases, 5);
}

TEST(FuzzedGeneration, RandomSettingsHold) {
  std::mt19937 random(1);
  for (int i = 0; i < 1500; ++i) {
    std::vector<std::uint8_t> bytes(30 + random() % 200);
    for (std::uint8_t& byte : bytes) {
      byte = static_cast<std::uint8_t>(random());
    }
    EXPECT_NO_THROW(testing::FuzzedGeneration(bytes).run()) << i;
  }
}

}  // namespace
}  // namespace pilotfish
