#include <cstddef>
#include <cstdint>
#include <span>

#include "formats/gguf.h"
#include "model/config.h"
#include "one_line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, size_t size) {
  using namespace pilotfish;
  allow_one_line_errors([&] {
    const auto parsed = parse_gguf(
        MappedFile::from_memory(std::as_bytes(std::span(data, size)), "input"));
    // Every byte that a tensor claims can be read.
    volatile unsigned sum = 0;
    for (const TensorView& tensor : parsed.tensors) {
      if (tensor.elements() < 0) std::abort();
      for (std::int64_t i = 0; i < tensor.bytes; ++i) {
        sum = sum + std::to_integer<unsigned>(tensor.data[i]);
      }
    }
    if (config_from_gguf(parsed.metadata, parsed.tensors).parameters() <= 0) {
      std::abort();
    }
  });
  return 0;
}
