#include "kernels/peaks.h"

#include <gtest/gtest.h>

#include "kernels/kernels.h"

namespace pilotfish {
namespace {

// What a loop says it does is what it did.
TEST(PeakKernels, DoTheProductsTheyCount) {
  for (const Kernels* kernels : available_kernels()) {
    const auto peaks = peak_kernels(kernels->name);
    EXPECT_EQ(peaks.empty(), kernels->name == "scalar");
    for (const PeakKernel& peak : peaks) {
      for (const std::int64_t rounds : {1, 2, 1000}) {
        EXPECT_EQ(peak.run(rounds),
                  static_cast<double>(peak.products_per_round * rounds))
            << kernels->name << ' ' << peak.instruction;
      }
    }
  }
}

}  // namespace
}  // namespace pilotfish
