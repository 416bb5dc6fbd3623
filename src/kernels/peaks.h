#ifndef PILOTFISH_KERNELS_PEAKS_H_
#define PILOTFISH_KERNELS_PEAKS_H_

#include <cstdint>
#include <string_view>
#include <vector>

namespace pilotfish {

// A loop of one dot-product instruction (or the shortest sequence that makes
// one) on registers, with enough independent sums to keep its units busy: the
// most arithmetic that a kernel could do.
struct PeakKernel {
  std::string_view instruction;
  std::int64_t products_per_round = 0;  // each multiplied and added
  // Multiplies ones and returns the sum, products_per_round * rounds. Requires:
  // rounds < 2^24, where sums of floats stay exact.
  double (*run)(std::int64_t rounds) = nullptr;
};

// Those of an instruction set, the widest elements first. Empty for "scalar".
// Throws UsageError for a set that this processor lacks.
std::vector<PeakKernel> peak_kernels(std::string_view instruction_set);

}  // namespace pilotfish

#endif  // PILOTFISH_KERNELS_PEAKS_H_
