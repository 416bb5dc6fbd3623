#ifndef PILOTFISH_FORMATS_GGUF_WRITER_H_
#define PILOTFISH_FORMATS_GGUF_WRITER_H_

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tensor_file_writer.h"

namespace pilotfish {

// The metadata of a GGUF file to be written, in the order it is set. Readers
// expect the exact type of each key that the specification gives. No key may be
// set twice, and general.alignment not at all.
class GgufHeader {
 public:
  void set_u32(std::string_view key, std::uint32_t value);
  void set_f32(std::string_view key, float value);
  void set_bool(std::string_view key, bool value);
  void set_string(std::string_view key, std::string_view value);
  void set_strings(std::string_view key, std::span<const std::string> values);
  void set_f32s(std::string_view key, std::span<const float> values);
  void set_i32s(std::string_view key, std::span<const std::int32_t> values);

  // The whole header of a file with these tensors, padded to where its data
  // starts.
  std::string encode(std::span<const TensorSpec> tensors) const;

 private:
  void start(std::string_view key, std::uint32_t type);

  std::vector<std::string> keys_;
  std::string pairs_;
};

// Starts a GGUF file, version 3, with the default alignment. Throws Error.
TensorFileWriter write_gguf(const std::filesystem::path& path,
                            const GgufHeader& header,
                            std::span<const TensorSpec> tensors,
                            Existing existing = Existing::kReplace);

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_GGUF_WRITER_H_
