#include "pilotfish/machine.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/thread_team.h"
#include "kernels/kernels.h"
#include "kernels/linear.h"
#include "pilotfish/kv_cache.h"

namespace pilotfish {
namespace {

double median(std::vector<double> values) {
  const auto middle =
      values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

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
        seconds_[i].push_back(time_of(works_[i]));
        total += seconds_[i].back();
      }
    }
  }

  double seconds(size_t work) const { return median(seconds_[work]); }
  // The median of the rounds' own ratios.
  double ratio(size_t work, size_t base) const {
    std::vector<double> ratios;
    for (size_t round = 0; round < seconds_[work].size(); ++round) {
      ratios.push_back(seconds_[work][round] / seconds_[base][round]);
    }
    return median(std::move(ratios));
  }

 private:
  using Clock = std::chrono::steady_clock;

  static double time_of(const std::function<void()>& work) {
    const Clock::time_point start = Clock::now();
    work();
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

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

// Sums of everything, read in four streams with prefetching: as fast as memory
// goes.
std::uint64_t sum_of_streams(const std::uint64_t* words, std::int64_t count) {
  constexpr int kStreams = 4;
  constexpr int kLine = 8;        // words
  constexpr int kAhead = 64 * 8;  // words: a page
  const std::int64_t length = count / kStreams;
  std::uint64_t sums[kStreams][kLine] = {};
  for (std::int64_t i = 0; i + kLine <= length; i += kLine) {
    for (int s = 0; s < kStreams; ++s) {
      const std::uint64_t* line = words + s * length + i;
      __builtin_prefetch(line + kAhead);
      for (int l = 0; l < kLine; ++l) sums[s][l] += line[l];
    }
  }
  return std::accumulate(&sums[0][0], &sums[0][0] + kStreams * kLine,
                         std::uint64_t{0});
}

// A model with a cache of its own whose sequences hold `context` positions.
class TimedModel {
 public:
  TimedModel(Model& model, const Workload& workload, std::int64_t max_rows)
      : model_(model),
        workload_(workload),
        cache_(model.config(), {.n_positions = workload.context + max_rows,
                                .max_sequences = workload.sequences,
                                .dtype = workload.kv_dtype}) {
    for (std::int64_t i = 0; i < workload.sequences; ++i) {
      sequences_.push_back(cache_.create());
      // Never computed: zeros take as long as anything else, but for their
      // reading from memory, which is small beside that of the weights.
      cache_.append(sequences_.back(), workload.context);
    }
  }

  // A pass over `rows` rows of each sequence, undone afterwards.
  void pass(std::int64_t rows) {
    const std::vector<Token> tokens(static_cast<size_t>(rows), 0);
    Batch batch;
    for (const SequenceId sequence : sequences_) {
      batch.add(sequence, tokens, rows);
    }
    model_.forward(batch, cache_);
    for (const SequenceId sequence : sequences_) {
      cache_.truncate(sequence, workload_.context);
    }
  }

 private:
  Model& model_;
  const Workload workload_;
  KvCache cache_;
  std::vector<SequenceId> sequences_;
};

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

MatrixSpeed measure_matrix(ThreadTeam& threads, DType dtype,
                           std::int64_t max_rows) {
  constexpr std::int64_t kBytes = std::int64_t{256} << 20;
  constexpr std::int64_t kColumns = 4096;
  AlignedBuffer<std::byte> bytes(kBytes);
  std::memset(bytes.data(), 0, kBytes);  // weights of 0 in every dtype
  const auto* words = reinterpret_cast<const std::uint64_t*>(bytes.data());
  const WeightMatrix weights{dtype, bytes.data(),
                             kBytes / row_bytes(dtype, kColumns), kColumns};
  const std::vector<float> x(static_cast<size_t>(max_rows * kColumns), 0.5f);
  std::vector<float> out(static_cast<size_t>(max_rows * weights.rows));
  AlignedBuffer<std::byte> scratch;

  Rounds rounds;
  rounds.add([&] {
    threads.parallel_for(kBytes / 8, 4096, [&](auto begin, auto end) {
      volatile std::uint64_t sum = sum_of_streams(words + begin, end - begin);
      static_cast<void>(sum);
    });
  });
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
  speed.read_bytes_per_second = kBytes / rounds.seconds(0);
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
