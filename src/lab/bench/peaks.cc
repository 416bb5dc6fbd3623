#include "kernels/peaks.h"

#include <algorithm>
#include <vector>

#include "base/thread_team.h"
#include "lab/plan/timing.h"
#include "pilotfish/lab/machine.h"

namespace pilotfish {

std::vector<InstructionPeak> measure_peaks(ThreadTeam& threads,
                                           std::string_view instruction_set) {
  constexpr std::int64_t kRounds = 1 << 16;  // a fraction of a millisecond
  constexpr int kRepetitions = 100;          // the fastest of them is the peak
  std::vector<InstructionPeak> result;
  for (const PeakKernel& peak : peak_kernels(instruction_set)) {
    std::vector<double> seconds;
    for (int i = 0; i < kRepetitions; ++i) {
      seconds.push_back(seconds_of([&] {
        threads.run([&](int) {
          volatile double sum = peak.run(kRounds);
          static_cast<void>(sum);
        });
      }));
    }
    const double products =
        static_cast<double>(peak.products_per_round * kRounds) * threads.size();
    result.push_back({std::string(peak.instruction),
                      2 * products / *std::ranges::min_element(seconds)});
  }
  return result;
}

}  // namespace pilotfish
