#ifndef PILOTFISH_FORMATS_TENSOR_FILE_WRITER_H_
#define PILOTFISH_FORMATS_TENSOR_FILE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/atomic_file.h"
#include "tensor/dtype.h"

namespace pilotfish {

// A tensor that a file is to hold. Shapes as in TensorView.
struct TensorSpec {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;

  std::int64_t bytes() const;
};

// Streams the tensors of one file: a header, which tells them all, then their
// bytes in the same order. The file appears under its name at finish(); without
// that, nothing stays. Made by write_gguf and write_safetensors.
class TensorFileWriter {
 public:
  // Every tensor starts at a multiple of `alignment` after the header, which
  // must itself end at one.
  TensorFileWriter(std::filesystem::path path, std::string_view header,
                   std::span<const TensorSpec> tensors, std::int64_t alignment,
                   Existing existing = Existing::kReplace);

  // Writes the next bytes, in portions of any size, none of which may reach
  // from one tensor into the next. Throws Error, a full disk for instance.
  void write(std::span<const std::byte> bytes);

  // May be called only after the last byte of the last tensor. Throws Error.
  void finish();

 private:
  // Passes over tensors that are complete, with their padding.
  void advance();

  AtomicFile file_;
  std::vector<std::int64_t> sizes_;  // bytes
  std::int64_t alignment_;
  size_t current_ = 0;        // index into sizes_
  std::int64_t written_ = 0;  // bytes of the current tensor
};

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_TENSOR_FILE_WRITER_H_
