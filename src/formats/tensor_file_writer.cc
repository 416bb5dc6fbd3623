#include "formats/tensor_file_writer.h"

#include <cassert>
#include <utility>

#include "formats/extents.h"

namespace pilotfish {

std::int64_t TensorSpec::bytes() const {
  const auto bytes = checked_bytes(dtype, shape);
  assert(bytes);
  return *bytes;
}

TensorFileWriter::TensorFileWriter(std::filesystem::path path,
                                   std::string_view header,
                                   std::span<const TensorSpec> tensors,
                                   std::int64_t alignment, Existing existing)
    : file_(std::move(path), existing), alignment_(alignment) {
  assert(std::ssize(header) % alignment == 0);
  for (const TensorSpec& tensor : tensors) sizes_.push_back(tensor.bytes());
  file_.write(header);
  advance();
}

void TensorFileWriter::write(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  assert(current_ < sizes_.size() &&
         std::ssize(bytes) <= sizes_[current_] - written_);
  file_.write(bytes);
  written_ += std::ssize(bytes);
  advance();
}

void TensorFileWriter::finish() {
  assert(current_ == sizes_.size());
  file_.commit();
}

void TensorFileWriter::advance() {
  while (current_ < sizes_.size() && written_ == sizes_[current_]) {
    const std::int64_t beyond = written_ % alignment_;
    if (beyond != 0) {
      file_.write(std::string(static_cast<size_t>(alignment_ - beyond), '\0'));
    }
    ++current_;
    written_ = 0;
  }
}

}  // namespace pilotfish
