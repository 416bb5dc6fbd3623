#include <cstddef>
#include <cstdint>

#include "answers/testing/try_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, size_t size) {
  pilotfish::test::try_answer({reinterpret_cast<const char*>(data), size});
  return 0;
}
