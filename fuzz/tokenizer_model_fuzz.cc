#include <cstddef>
#include <cstdint>

#include "one_line.h"
#include "text/try_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, size_t size) {
  pilotfish::allow_one_line_errors([&] {
    pilotfish::try_tokenizer_model({reinterpret_cast<const char*>(data), size});
  });
  return 0;
}
