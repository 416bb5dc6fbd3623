#ifndef PILOTFISH_KERNELS_TESTING_H_
#define PILOTFISH_KERNELS_TESTING_H_

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/cpu_features.h"
#include "kernels/cpu/emulated/sets.h"
#include "kernels/kernels.h"

// What the kernels' tests share: the sets under test, and buffers that notice
// accesses outside them.
namespace pilotfish::test {

// Fills memory that must not be written.
inline constexpr float kGuard = -12345.5f;

// Every set this processor runs, and the emulated ones.
inline std::vector<const Kernels*> sets_under_test() {
  const auto available = available_kernels();
  std::vector<const Kernels*> sets(available.begin(), available.end());
#if defined(__x86_64__)
  if (cpu_features().avx2) {
    sets.push_back(&avx_vnni_emulated::kKernels);
    sets.push_back(&avx512_emulated::kKernels);
    sets.push_back(&avx512_emulated::kBf16Kernels);
  }
#endif
  return sets;
}

class EverySet : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& kernels() const { return *GetParam(); }
};

inline std::string set_name(
    const testing::TestParamInfo<const Kernels*>& info) {
  return std::string(info.param->name);
}

#define PILOTFISH_TEST_EVERY_SET(suite)                                     \
  INSTANTIATE_TEST_SUITE_P(                                                 \
      Sets, suite, testing::ValuesIn(::pilotfish::test::sets_under_test()), \
      ::pilotfish::test::set_name)

// Bytes that end where an unreadable page begins, so that a read past them
// crashes; not aligned to anything unless their size is.
class BytesAtPageEnd {
 public:
  explicit BytesAtPageEnd(std::span<const std::byte> bytes) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t pages = (bytes.size() + page - 1) / page * page;
    mapped_ = pages + page;
    mapping_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping_ == MAP_FAILED) throw std::bad_alloc();
    auto* end = static_cast<std::byte*>(mapping_) + pages;
    mprotect(end, page, PROT_NONE);
    data_ = end - bytes.size();
    if (!bytes.empty()) std::memcpy(data_, bytes.data(), bytes.size());
  }
  template <typename T>
  explicit BytesAtPageEnd(const std::vector<T>& values)
      : BytesAtPageEnd(std::as_bytes(std::span(values))) {}
  ~BytesAtPageEnd() { munmap(mapping_, mapped_); }
  BytesAtPageEnd(const BytesAtPageEnd&) = delete;
  BytesAtPageEnd& operator=(const BytesAtPageEnd&) = delete;

  std::byte* data() const { return data_; }
  float* floats() const { return reinterpret_cast<float*>(data_); }

 private:
  void* mapping_ = nullptr;
  size_t mapped_ = 0;
  std::byte* data_ = nullptr;
};

inline std::vector<float> random_floats(std::int64_t n, std::mt19937& random,
                                        float deviation = 1) {
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& value : values) value = normal(random);
  return values;
}

// Equal as bits: tells -0 from 0, and NaN equals itself.
inline bool same_bits(const float* a, const float* b, std::int64_t n) {
  return std::memcmp(a, b, static_cast<size_t>(n) * sizeof(float)) == 0;
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_KERNELS_TESTING_H_
