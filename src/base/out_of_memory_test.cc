#include "base/out_of_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pilotfish {
namespace {

TEST(MemoryText, HasAUnit) {
  EXPECT_EQ(memory_text(0), "0 bytes");
  EXPECT_EQ(memory_text(1023), "1023 bytes");
  EXPECT_EQ(memory_text(1024), "1.0 KiB");
  EXPECT_EQ(memory_text(1536 * 1024), "1.5 MiB");
  EXPECT_EQ(memory_text(std::uint64_t{512} << 20), "512 MiB");
  EXPECT_EQ(memory_text(std::uint64_t{13} << 30), "13.0 GiB");
  EXPECT_EQ(memory_text(std::uint64_t{5000} << 40), "5000 TiB");
}

TEST(OutOfMemory, SaysHowMuchAndWhatFor) {
  EXPECT_THAT(std::string(out_of_memory(1 << 20, "a cache", "use less").what()),
              testing::MatchesRegex(
                  "not enough memory: 1.0 MiB asked for a cache.*; use less"));
}

}  // namespace
}  // namespace pilotfish
