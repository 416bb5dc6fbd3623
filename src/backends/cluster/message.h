#ifndef PILOTFISH_BACKENDS_CLUSTER_MESSAGE_H_
#define PILOTFISH_BACKENDS_CLUSTER_MESSAGE_H_

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "backends/cluster/transport.h"

namespace pilotfish {

// A message is values one after another, as they lie in memory: ranks run the
// same build, which is checked before anything else is said.
class MessageWriter {
 public:
  template <typename T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    append(&value, sizeof value);
  }
  template <typename T>
  void put_all(std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    put(std::ssize(values));
    append(values.data(), values.size_bytes());
  }
  void put_text(std::string_view text) {
    put_all(std::span<const char>(text.data(), text.size()));
  }

  std::span<const std::byte> bytes() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }
  void clear() { bytes_.clear(); }

 private:
  void append(const void* data, size_t size) {
    const auto* begin = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), begin, begin + size);
  }

  Bytes bytes_;
};

// Reads them in the same order. What it reads must outlive it.
class MessageReader {
 public:
  explicit MessageReader(std::span<const std::byte> bytes) : left_(bytes) {}

  template <typename T>
  T get() {
    T value;
    std::memcpy(&value, take(sizeof value), sizeof value);
    return value;
  }
  // Into `values`, whose memory is used again.
  template <typename T>
  void get_all(std::vector<T>& values) {
    values.resize(get<std::ptrdiff_t>());
    if (values.empty()) return;
    std::memcpy(values.data(), take(values.size() * sizeof(T)),
                values.size() * sizeof(T));
  }
  std::string get_text() {
    std::vector<char> characters;
    get_all(characters);
    return {characters.begin(), characters.end()};
  }
  bool at_end() const { return left_.empty(); }

 private:
  const std::byte* take(size_t size) {
    assert(size <= left_.size());
    const std::byte* const data = left_.data();
    left_ = left_.subspan(size);
    return data;
  }

  std::span<const std::byte> left_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_MESSAGE_H_
