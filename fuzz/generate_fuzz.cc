#include <cstddef>
#include <cstdint>

#include "engine/testing/fuzzed_generation.h"

// Sampling parameters, vocabularies, windows and stops in every combination;
// what must be true of the texts is in FuzzedGeneration.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pilotfish::testing::FuzzedGeneration({data, size}).run();
  return 0;
}
