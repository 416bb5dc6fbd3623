#include "formats/safetensors_writer.h"

#include <cassert>
#include <cstdint>
#include <nlohmann/json.hpp>

namespace pilotfish {
namespace {

const char* dtype_text(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "F32";
    case DType::kF16:
      return "F16";
    case DType::kBF16:
      return "BF16";
    default:
      assert(false && "safetensors has no quantised types");
      return "";
  }
}

std::string encode_header(std::span<const TensorSpec> tensors) {
  // transformers insists on the remark.
  nlohmann::ordered_json header = {{"__metadata__", {{"format", "pt"}}}};
  std::int64_t offset = 0;
  for (const TensorSpec& tensor : tensors) {
    const std::int64_t end = offset + tensor.bytes();
    header[tensor.name] = {{"dtype", dtype_text(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data is aligned
  const std::uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) +
         text;
}

}  // namespace

TensorFileWriter write_safetensors(const std::filesystem::path& path,
                                   std::span<const TensorSpec> tensors) {
  return TensorFileWriter(path, encode_header(tensors), tensors, 1);
}

}  // namespace pilotfish
