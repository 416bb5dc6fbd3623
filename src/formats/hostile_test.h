#ifndef PILOTFISH_FORMATS_HOSTILE_TEST_H_
#define PILOTFISH_FORMATS_HOSTILE_TEST_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "pilotfish/error.h"
#include "tensor/tensor.h"
#include "test_data.h"

// What the readers' tests share: broken files made from whole ones.
namespace pilotfish::test {

// `function`'s Error as one line; nullopt where it throws none. Anything else
// that it throws fails the test.
template <typename Function>
std::optional<std::string> error_of(const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_FALSE(what.empty());
    EXPECT_EQ(what.find('\n'), std::string::npos) << what;
    EXPECT_LT(what.size(), 1000U) << what;
    return what;
  }
  return std::nullopt;
}

// Calls `parse` with bytes of exactly their size on the heap, where a sanitizer
// sees every step beyond them.
template <typename Parse>
std::optional<std::string> parse_error(std::string_view bytes,
                                       const Parse& parse) {
  const auto start = reinterpret_cast<const std::byte*>(bytes.data());
  const std::vector<std::byte> copy(start, start + bytes.size());
  return error_of([&] { parse(MappedFile::from_memory(copy, "test-file")); });
}

// Every tensor lies inside the file and can be read.
inline void check_tensors(std::span<const TensorView> tensors,
                          const MappedFile& file) {
  const std::byte* start = file.bytes().data();
  for (const TensorView& tensor : tensors) {
    ASSERT_GE(tensor.elements(), 0);
    ASSERT_GE(tensor.bytes, 0);
    if (tensor.bytes == 0) continue;
    ASSERT_GE(tensor.data, start);
    ASSERT_LE(tensor.data + tensor.bytes, start + file.bytes().size());
  }
}

template <typename Parse>
void try_every_truncation(const std::string& whole, const Parse& parse) {
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_TRUE(parse_error(whole.substr(0, size), parse))
        << "accepted when cut to " << size << " bytes";
  }
}

// Flips each bit of the first `size` bytes. What is still accepted must be
// sound, which `parse` checks.
template <typename Parse>
void try_every_bit_flip(const std::string& whole, size_t size,
                        const Parse& parse) {
  for (size_t bit = 0; bit < size * 8; ++bit) {
    std::string broken = whole;
    broken[bit / 8] = static_cast<char>(broken[bit / 8] ^ (1 << bit % 8));
    parse_error(broken, parse);
  }
}

// Every case that the fuzzer of that name keeps.
template <typename Parse>
void try_corpus(const std::string& name, const Parse& parse) {
  const auto folder = source_dir() / "fuzz" / "corpus" / name;
  ASSERT_TRUE(std::filesystem::exists(folder)) << folder;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().string());
    parse_error(read_file(entry.path()), parse);
  }
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_FORMATS_HOSTILE_TEST_H_
