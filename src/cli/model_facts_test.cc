#include "cli/model_facts.h"

#include <gtest/gtest.h>

#include <fstream>

#include "pilotfish/error.h"
#include "test_data.h"

namespace pilotfish::cli {
namespace {

TEST(ModelFacts, AModelIsCalledAsItsFolderOrFile) {
  EXPECT_EQ(model_name("/models/Llama-3.2-1B/"), "Llama-3.2-1B");
  EXPECT_EQ(model_name("/models/Llama-3.2-1B"), "Llama-3.2-1B");
  EXPECT_EQ(model_name("Llama-3.2-1B.Q8_0.gguf"), "Llama-3.2-1B.Q8_0");
}

TEST(ModelFacts, BytesMayHaveUnits) {
  EXPECT_EQ(parse_bytes("--x", "1000"), 1000);
  EXPECT_EQ(parse_bytes("--x", "2k"), 2048);
  EXPECT_EQ(parse_bytes("--x", "1.5G"), 3LL << 29);
  for (const char* bad : {"", "G", "-1", "0", "1X", "1GB", "nan", "1e30"}) {
    EXPECT_THROW(parse_bytes("--x", bad), UsageError) << bad;
  }
}

TEST(ModelFacts, FingerprintsTellWeightsApart) {
  const test::TemporaryFolder folder;
  const auto write = [&](const std::string& content) {
    std::ofstream(folder.path() / "model.safetensors") << content;
    return weights_fingerprint(folder.path());
  };
  const std::string content(100'000, 'x');
  const std::string first = write(content);
  EXPECT_EQ(first.size(), 16u);
  EXPECT_EQ(write(content), first);
  for (const std::size_t place : {0u, 50'000u, 99'999u}) {
    std::string other = content;
    other[place] = 'y';
    EXPECT_NE(write(other), first) << place;
  }
  EXPECT_NE(write(content + "x"), first);
  write(content);
  // What is no weight does not count.
  std::ofstream(folder.path() / "README.md") << "text";
  EXPECT_EQ(weights_fingerprint(folder.path()), first);
  EXPECT_NE(weights_fingerprint(folder.path() / "README.md"), first);
}

}  // namespace
}  // namespace pilotfish::cli
