#include <cstddef>
#include <cstdint>

#include "constraint/json_schema/testing/try_schema.h"
#include "one_line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, size_t size) {
  pilotfish::allow_one_line_errors([&] {
    pilotfish::test::try_schema({reinterpret_cast<const char*>(data), size});
  });
  return 0;
}
