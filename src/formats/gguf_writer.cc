#include "formats/gguf_writer.h"

#include <algorithm>
#include <cassert>
#include <type_traits>

#include "formats/ggml_type.h"

namespace pilotfish {
namespace {

constexpr std::int64_t kAlignment = 32;  // GGUF's default

// Value types (enum gguf_type).
constexpr std::uint32_t kUint32 = 4;
constexpr std::uint32_t kInt32 = 5;
constexpr std::uint32_t kFloat32 = 6;
constexpr std::uint32_t kBool = 7;
constexpr std::uint32_t kString = 8;
constexpr std::uint32_t kArray = 9;

template <typename T>
void put(std::string& out, T value) {
  static_assert(std::is_arithmetic_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void put_text(std::string& out, std::string_view text) {
  put<std::uint64_t>(out, text.size());
  out += text;
}

std::int64_t padded(std::int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

void GgufHeader::start(std::string_view key, std::uint32_t type) {
  assert(std::find(keys_.begin(), keys_.end(), key) == keys_.end());
  keys_.emplace_back(key);
  put_text(pairs_, key);
  put(pairs_, type);
}

void GgufHeader::set_u32(std::string_view key, std::uint32_t value) {
  start(key, kUint32);
  put(pairs_, value);
}

void GgufHeader::set_f32(std::string_view key, float value) {
  start(key, kFloat32);
  put(pairs_, value);
}

void GgufHeader::set_bool(std::string_view key, bool value) {
  start(key, kBool);
  put<std::uint8_t>(pairs_, value ? 1 : 0);
}

void GgufHeader::set_string(std::string_view key, std::string_view value) {
  start(key, kString);
  put_text(pairs_, value);
}

void GgufHeader::set_strings(std::string_view key,
                             std::span<const std::string> values) {
  start(key, kArray);
  put(pairs_, kString);
  put<std::uint64_t>(pairs_, values.size());
  for (const std::string& value : values) put_text(pairs_, value);
}

void GgufHeader::set_f32s(std::string_view key, std::span<const float> values) {
  start(key, kArray);
  put(pairs_, kFloat32);
  put<std::uint64_t>(pairs_, values.size());
  for (const float value : values) put(pairs_, value);
}

void GgufHeader::set_i32s(std::string_view key,
                          std::span<const std::int32_t> values) {
  start(key, kArray);
  put(pairs_, kInt32);
  put<std::uint64_t>(pairs_, values.size());
  for (const std::int32_t value : values) put(pairs_, value);
}

std::string GgufHeader::encode(std::span<const TensorSpec> tensors) const {
  std::string out = "GGUF";
  put<std::uint32_t>(out, 3);
  put<std::uint64_t>(out, tensors.size());
  put<std::uint64_t>(out, keys_.size());
  out += pairs_;

  std::int64_t offset = 0;
  for (const TensorSpec& tensor : tensors) {
    put_text(out, tensor.name);
    put<std::uint32_t>(out, static_cast<std::uint32_t>(tensor.shape.size()));
    for (auto extent = tensor.shape.rbegin(); extent != tensor.shape.rend();
         ++extent) {
      put<std::uint64_t>(out, static_cast<std::uint64_t>(*extent));
    }
    put(out, ggml_type(tensor.dtype));
    put<std::uint64_t>(out, static_cast<std::uint64_t>(offset));
    offset += padded(tensor.bytes());
  }
  out.resize(static_cast<size_t>(padded(std::ssize(out))), '\0');
  return out;
}

TensorFileWriter write_gguf(const std::filesystem::path& path,
                            const GgufHeader& header,
                            std::span<const TensorSpec> tensors,
                            Existing existing) {
  return TensorFileWriter(path, header.encode(tensors), tensors, kAlignment,
                          existing);
}

}  // namespace pilotfish
