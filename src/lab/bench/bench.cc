#include "pilotfish/lab/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <string_view>

#include "base/thread_team.h"
#include "lab/bench/alternation.h"
#include "lab/bench/decoding_runs.h"
#include "lab/bench/steps.h"
#include "lab/plan/memory_probe.h"
#include "lab/plan/timed_model.h"
#include "lab/plan/timing.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

void check_range(std::string_view what, std::int64_t value, std::int64_t min,
                 std::int64_t max) {
  if (value >= min && value <= max) return;
  throw UsageError(
      fmt::format("{}: found {}, expected {} to {}", what, value, min, max));
}

void check_options(const Model& target, const Model* draft,
                   const BenchOptions& options) {
  const std::int64_t positions = target.config().n_positions;
  constexpr std::int64_t kMostRows = 64;
  check_range("repetitions", options.repetitions, 1, 1000);
  check_range("prompt tokens", options.prompt_tokens, 0, positions);
  check_range("context", options.context, 0, positions - kMostRows);
  check_range("tokens to generate", options.generate_tokens, 0,
              positions - std::max<std::int64_t>(1, options.context));
  if (options.generate_tokens == 1) {
    throw UsageError(
        "tokens to generate: found 1, expected 0 or at least 2; the first one "
        "comes with the prompt");
  }
  for (const std::int64_t rows : options.rows) {
    check_range("rows", rows, 2, kMostRows);
  }
  for (const std::int64_t context : options.contexts) {
    check_range("contexts", context, 0, positions - 1);
  }
  if (draft == nullptr) return;
  for (const std::int64_t window : options.windows) {
    check_range("window", window, 2, kMostRows);
  }
}

class Bench {
 public:
  Bench(const std::shared_ptr<Model>& target, const PlannedModel& plan,
        const std::shared_ptr<Model>& draft, ThreadTeam& threads,
        const BenchOptions& options)
      : target_(target),
        plan_(plan),
        draft_(draft),
        threads_(threads),
        options_(options),
        steps_(total_steps(), options.progress) {}

  BenchReport run() {
    report_.threads = threads_.size();
    report_.instruction_set = target_->instruction_set();
    report_.context = options_.context;
    report_.machine.peaks = measure_peaks(threads_, report_.instruction_set);
    measure_passes();
    if (options_.prompt_tokens > 0) measure_prefill();
    if (options_.generate_tokens > 0) {
      measure_decoding(target_, draft_, options_, steps_, report_);
    }
    return std::move(report_);
  }

 private:
  Workload workload(std::int64_t context) const {
    return {.n_positions = target_->config().n_positions,
            .sequences = 1,
            .context = context,
            .kv_dtype = options_.kv_dtype};
  }

  // The work in passes over one row, roughly: each further row costs a part of
  // one.
  double total_steps() const {
    const double repetitions = options_.repetitions + 1;
    const auto passes = static_cast<double>(2 + options_.rows.size() +
                                            options_.contexts.size());
    const auto windows =
        draft_ ? static_cast<double>(options_.windows.size()) : 0.0;
    const auto runs = std::max(1.0, 2 * windows);
    return repetitions * (2 * passes + prefill_weight() +
                          runs * static_cast<double>(options_.generate_tokens));
  }
  double prefill_weight() const {
    return 0.2 * static_cast<double>(options_.prompt_tokens);
  }

  std::int64_t bytes_at(std::int64_t context) const {
    return std::llround(
        pass_time(plan_, workload(context), {.bytes_per_second = 1}, 1)
            .memory_seconds);
  }

  // All in one alternation with T(1), the reading of memory too.
  void measure_passes() {
    TimedModel here(*target_, workload(options_.context), most_rows());
    std::deque<TimedModel> elsewhere;  // at the other contexts
    Alternation turns([&] { here.pass(1); });
    const MemoryProbe memory;
    // Small models live in the caches, from which the reading pushes them.
    turns.add([&] { memory.read(threads_); }, [&] { here.pass(1); });
    turns.add([&] { here.pass(1, 1, 1); });
    for (const std::int64_t rows : options_.rows) {
      turns.add([&, rows] { here.pass(rows); });
    }
    for (const std::int64_t context : options_.contexts) {
      TimedModel& there =
          elsewhere.emplace_back(*target_, workload(context), 1);
      turns.add([&there] { there.pass(1); });
    }
    turns.run(options_.repetitions, [&] { steps_.done(2); });
    report_passes(turns);
  }

  void report_passes(const Alternation& turns) {
    constexpr double kBytes = MemoryProbe::kBytes;
    const auto ratio = [](double base, double work) { return work / base; };
    report_.machine.read_bytes_per_second =
        turns.of_pairs(0, [&](double, double read) { return kBytes / read; });
    report_.pass_seconds = turns.base_seconds();
    report_.pass_bytes = bytes_at(options_.context);
    const auto bytes = static_cast<double>(report_.pass_bytes);
    report_.bandwidth_share = turns.of_pairs(0, [&](double pass, double read) {
      return bytes / pass / (kBytes / read);
    });
    const std::int64_t layers = target_->config().n_layers();
    if (layers > 1) {
      report_.layer_seconds = turns.of_pairs(1, [&](double all, double one) {
        return (all - one) / static_cast<double>(layers - 1);
      });
    }
    size_t work = 2;
    for (const std::int64_t rows : options_.rows) {
      report_.rows.push_back(
          {rows, turns.seconds(work), turns.of_pairs(work, ratio)});
      ++work;
    }
    for (const std::int64_t context : options_.contexts) {
      report_.contexts.push_back({context, turns.seconds(work),
                                  turns.of_pairs(work, ratio),
                                  bytes_at(context)});
      ++work;
    }
  }

  void measure_prefill() {
    TimedModel empty(*target_, workload(0), options_.prompt_tokens);
    std::vector<double> speeds;
    for (int i = -1; i < options_.repetitions; ++i) {
      const double seconds =
          seconds_of([&] { empty.pass(options_.prompt_tokens, 1); });
      if (i >= 0) {  // the first one warms up
        speeds.push_back(static_cast<double>(options_.prompt_tokens) / seconds);
      }
      steps_.done(prefill_weight());
    }
    report_.prefill_tokens_per_second = spread_of(std::move(speeds));
  }

  std::int64_t most_rows() const {
    return options_.rows.empty() ? 1 : std::ranges::max(options_.rows);
  }

  const std::shared_ptr<Model>& target_;
  const PlannedModel& plan_;
  const std::shared_ptr<Model>& draft_;
  ThreadTeam& threads_;
  const BenchOptions& options_;
  Steps steps_;
  BenchReport report_;
};

}  // namespace

BenchReport bench(const std::shared_ptr<Model>& target,
                  const PlannedModel& plan, const std::shared_ptr<Model>& draft,
                  ThreadTeam& threads, const BenchOptions& options) {
  check_options(*target, draft.get(), options);
  return Bench(target, plan, draft, threads, options).run();
}

}  // namespace pilotfish
