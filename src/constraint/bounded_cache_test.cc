#include "constraint/bounded_cache.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>

namespace pilotfish {
namespace {

struct Block {
  std::int64_t size;
  std::int64_t bytes() const { return size; }
};

constexpr std::int64_t kKeyBytes = sizeof(int);

// Ten values of 10 bytes fit.
using Cache = BoundedCache<int, Block>;
constexpr std::int64_t kMost = 10 * (10 + kKeyBytes);

// Whether the value had to be computed.
bool is_computed(Cache& cache, int key, std::int64_t size = 10) {
  bool computed = false;
  const auto value = cache.get(key, [&] {
    computed = true;
    return std::make_shared<const Block>(Block{size});
  });
  EXPECT_EQ(value->size, size);
  return computed;
}

TEST(BoundedCache, KeepsWhatFits) {
  Cache cache(kMost);
  for (int key = 0; key < 10; ++key) EXPECT_TRUE(is_computed(cache, key));
  for (int key = 0; key < 10; ++key) EXPECT_FALSE(is_computed(cache, key));
  EXPECT_EQ(cache.bytes(), kMost);
}

TEST(BoundedCache, KeepsWhatIsAskedForAndDropsTheRestOneByOne) {
  Cache cache(kMost);
  EXPECT_TRUE(is_computed(cache, -1));
  for (int key = 0; key < 1000; ++key) {
    EXPECT_TRUE(is_computed(cache, key));
    EXPECT_FALSE(is_computed(cache, -1)) << key;
    EXPECT_LE(cache.bytes(), kMost);
  }
  EXPECT_EQ(cache.bytes(), kMost);
  EXPECT_FALSE(is_computed(cache, 995));
  EXPECT_TRUE(is_computed(cache, 900));
}

TEST(BoundedCache, KeepsOneThatIsTooLargeUntilTheNextComes) {
  Cache cache(kMost);
  for (int key = 0; key < 10; ++key) is_computed(cache, key);
  EXPECT_TRUE(is_computed(cache, 10, 1000));
  EXPECT_EQ(cache.bytes(), 1000 + kKeyBytes);
  EXPECT_TRUE(is_computed(cache, 11));
  EXPECT_EQ(cache.bytes(), 10 + kKeyBytes);
}

}  // namespace
}  // namespace pilotfish
