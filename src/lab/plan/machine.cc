#include "pilotfish/lab/machine.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/thread_team.h"
#include "kernels/kernels.h"
#include "kernels/linear.h"
#include "lab/plan/memory_probe.h"
#include "lab/plan/timed_model.h"
#include "lab/plan/timing.h"
#include "pilotfish/spread.h"

namespace pilotfish {
namespace {

// Times several things in turn, round after round.
class Rounds {
 public:
  void add(std::function<void()> work) {
    works_.push_back(std::move(work));
    seconds_.emplace_back();
  }

  // One round to warm up, then for about a second, but at least kFewest rounds.
  void run() {
    constexpr size_t kFewest = 3;
    constexpr double kSeconds = 1;
    for (const auto& work : works_) work();
    double total = 0;
    for (size_t round = 0; round < kFewest || total < kSeconds; ++round) {
      for (size_t i = 0; i < works_.size(); ++i) {
        seconds_[i].push_back(seconds_of(works_[i]));
        total += seconds_[i].back();
      }
    }
  }

  double seconds(size_t work) const { return spread_of(seconds_[work]).median; }
  // The median of the rounds' own ratios.
  double ratio(size_t work, size_t base) const {
    std::vector<double> ratios;
    for (size_t round = 0; round < seconds_[work].size(); ++round) {
      ratios.push_back(seconds_[work][round] / seconds_[base][round]);
    }
    return spread_of(std::move(ratios)).median;
  }

 private:
  std::vector<std::function<void()>> works_;
  std::vector<std::vector<double>> seconds_;  // [works][rounds]
};

// Windows at which v is measured; it is nearly straight between them.
std::vector<std::int64_t> measured_windows(std::int64_t max_window) {
  std::vector<std::int64_t> windows;
  for (const std::int64_t k : {2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64}) {
    if (k < max_window) windows.push_back(k);
  }
  if (max_window > 1) windows.push_back(max_window);
  return windows;
}

}  // namespace

std::int64_t machine_memory_bytes() {
  std::int64_t bytes = std::int64_t{::sysconf(_SC_PHYS_PAGES)} *
                       std::int64_t{::sysconf(_SC_PAGESIZE)};
  std::int64_t limit = 0;  // the file may also say "max"
  if (std::ifstream("/sys/fs/cgroup/memory.max") >> limit && limit > 0) {
    bytes = std::min(bytes, limit);
  }
  return bytes;
}

std::string processor_name() {
  std::ifstream lines("/proc/cpuinfo");
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "unknown";
}

MatrixSpeed measure_matrix(ThreadTeam& threads, DType dtype,
                           std::int64_t max_rows) {
  constexpr std::int64_t kColumns = 4096;
  const MemoryProbe memory;  // zeros are weights of 0 in every dtype
  const WeightMatrix weights{dtype, memory.data(),
                             MemoryProbe::kBytes / row_bytes(dtype, kColumns),
                             kColumns};
  const std::vector<float> x(static_cast<size_t>(max_rows * kColumns), 0.5f);
  std::vector<float> out(static_cast<size_t>(max_rows * weights.rows));
  AlignedBuffer<std::byte> scratch;

  Rounds rounds;
  rounds.add([&] { memory.read(threads); });
  const auto add_product = [&](std::int64_t rows) {
    rounds.add([&, rows] {
      linear(best_kernels(), threads, weights, x.data(), rows, out.data(),
             weights.rows, scratch);
    });
  };
  add_product(1);
  const std::vector<std::int64_t> windows = measured_windows(max_rows);
  for (const std::int64_t rows : windows) add_product(rows);
  rounds.run();

  MatrixSpeed speed;
  speed.read_bytes_per_second = MemoryProbe::kBytes / rounds.seconds(0);
  speed.weight_bytes_per_second =
      static_cast<double>(weights.rows * row_bytes(dtype, kColumns)) /
      rounds.seconds(1);
  for (size_t i = 0; i < windows.size(); ++i) {
    speed.verify[windows[i]] = rounds.ratio(2 + i, 1);
  }
  return speed;
}

PassSpeed measure_passes(Model& target, Model* draft, const Workload& workload,
                         std::int64_t max_window) {
  TimedModel timed_target(target, workload, max_window);
  std::optional<TimedModel> timed_draft;
  if (draft != nullptr) timed_draft.emplace(*draft, workload, 1);

  Rounds rounds;
  rounds.add([&] { timed_target.pass(1); });
  const std::vector<std::int64_t> windows = measured_windows(max_window);
  for (const std::int64_t k : windows) {
    rounds.add([&, k] { timed_target.pass(k); });
  }
  if (timed_draft) rounds.add([&] { timed_draft->pass(1); });
  rounds.run();

  PassSpeed speed;
  speed.target_seconds = rounds.seconds(0);
  for (size_t i = 0; i < windows.size(); ++i) {
    speed.verify[windows[i]] = rounds.ratio(1 + i, 0);
  }
  if (timed_draft) {
    speed.draft_seconds =
        speed.target_seconds * rounds.ratio(1 + windows.size(), 0);
  }
  return speed;
}

}  // namespace pilotfish
