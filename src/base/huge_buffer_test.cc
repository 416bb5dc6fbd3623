#include "base/huge_buffer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <utility>

namespace pilotfish {
namespace {

TEST(HugeBuffer, IsAlignedAndWritableToItsEnd) {
  for (const size_t bytes : {size_t{1}, size_t{5000}, size_t{5} << 20}) {
    const HugeBuffer buffer(bytes);
    const auto address = reinterpret_cast<std::uintptr_t>(buffer.data());
    EXPECT_EQ(address % (bytes >= size_t{2} << 20 ? 2u << 20 : 4096u), 0u);
    EXPECT_EQ(buffer.data()[bytes - 1], std::byte{0});
    std::memset(buffer.data(), 1, bytes);
  }
}

TEST(HugeBuffer, MovesItsMemory) {
  HugeBuffer first(100);
  std::byte* data = first.data();
  HugeBuffer second(std::move(first));
  EXPECT_EQ(second.data(), data);
  HugeBuffer third;
  third = std::move(second);
  EXPECT_EQ(third.data(), data);
  EXPECT_EQ(HugeBuffer(0).data(), nullptr);
}

}  // namespace
}  // namespace pilotfish
