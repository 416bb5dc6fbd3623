#include "lab/bench/decoding_runs.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "lab/synth/agreement.h"
#include "pilotfish/acceptor.h"
#include "pilotfish/engine.h"
#include "pilotfish/speedup.h"

namespace pilotfish {
namespace {

// Figures of runs of one kind, one value a run.
class Runs {
 public:
  void add(const GenerationStats& stats) {
    const IterationSummary& run = stats.summary;
    tokens_per_second_.push_back(stats.tokens_per_second);
    verify_.push_back(median(run.verify_seconds));
    bookkeeping_.push_back(run.bookkeeping_share());
    if (run.drafted > 0) {
      draft_row_.push_back(run.draft_seconds_per_drafted());
    }
    all_.add(run);
  }

  double latest() const { return tokens_per_second_.back(); }
  DecodingSpeed speed() const {
    return {spread_of(tokens_per_second_), spread_of(verify_),
            spread_of(bookkeeping_)};
  }
  Spread draft_row_seconds() const { return spread_of(draft_row_); }
  const IterationSummary& all() const { return all_; }

 private:
  std::vector<double> tokens_per_second_;
  std::vector<double> verify_;       // seconds
  std::vector<double> bookkeeping_;  // share
  std::vector<double> draft_row_;    // seconds
  IterationSummary all_;
};

class DecodingBench {
 public:
  DecodingBench(const std::shared_ptr<Model>& target,
                const std::shared_ptr<Model>& draft,
                const BenchOptions& options, Steps& steps, BenchReport& report)
      : options_(options),
        steps_(steps),
        report_(report),
        prompts_(random_texts(options.repetitions,
                              std::max<std::int64_t>(1, options.context),
                              target->config().vocab_size, 0)),
        engine_(target, draft, nullptr, engine_options()) {}

  // Each speculative run right after a plain one of the same prompt, one prompt
  // a repetition; the first of each kind warms up and does not count.
  void run(std::vector<std::int64_t> windows) {
    if (windows.empty()) windows = {1};
    std::map<std::int64_t, Runs> runs;
    std::map<std::int64_t, std::vector<double>> ratios;
    for (int repetition = -1; repetition < options_.repetitions; ++repetition) {
      for (const std::int64_t window : windows) {
        const Text& prompt =
            prompts_[static_cast<size_t>(std::max(0, repetition))];
        const GenerationStats plain = decode(prompt, 1);
        const GenerationStats speculative =
            window > 1 ? decode(prompt, window) : plain;
        if (repetition < 0) continue;
        runs[1].add(plain);
        if (window == 1) continue;
        runs[window].add(speculative);
        ratios[window].push_back(runs[window].latest() / runs[1].latest());
      }
    }
    report_.plain = runs[1].speed();
    for (const std::int64_t window : windows) {
      if (window == 1) continue;
      report_.speculation.push_back(
          speculation(window, runs[window], spread_of(ratios[window])));
    }
    report_.acceptor = engine_.acceptor().name();
  }

 private:
  EngineOptions engine_options() const {
    EngineOptions engine;
    engine.n_positions =
        std::ssize(prompts_.front()) + options_.generate_tokens;
    engine.kv_dtype = options_.kv_dtype;
    engine.reuse_prefixes = false;  // so that every run follows its own prefill
    if (options_.synthetic_acceptance) {
      engine.acceptor = make_synthetic_acceptor(*options_.synthetic_acceptance);
    }
    return engine;
  }

  GenerationStats decode(const Text& prompt, std::int64_t window) {
    Request request;
    request.prompt = prompt;
    request.max_tokens = options_.generate_tokens;
    request.ignore_eos = true;
    request.window = window;
    GenerationStats stats = engine_.generate(std::move(request)).stats;
    steps_.done(static_cast<double>(options_.generate_tokens));
    return stats;
  }

  SpeculationSpeed speculation(std::int64_t window, const Runs& runs,
                               const Spread& speedup) const {
    SpeculationSpeed result{.window = window,
                            .decoding = runs.speed(),
                            .speedup = speedup,
                            .draft_row_seconds = runs.draft_row_seconds(),
                            .acceptance = runs.all().acceptance_rate(),
                            .tokens_per_pass = runs.all().tokens_per_pass()};
    const double acceptance = options_.synthetic_acceptance.value_or(
        runs.all().acceptance_per_token());
    SpeculationCosts costs{
        result.draft_row_seconds.median / report_.pass_seconds.median,
        std::vector<double>(static_cast<size_t>(window), 1)};
    result.limit_speedup = expected_speedup(costs, acceptance, window);
    for (const RowsTime& rows : report_.rows) {
      if (rows.rows != window) continue;
      costs.verify.back() = rows.ratio.median;
      result.predicted_speedup = expected_speedup(costs, acceptance, window);
    }
    return result;
  }

  const BenchOptions& options_;
  Steps& steps_;
  BenchReport& report_;
  const std::vector<Text> prompts_;
  Engine engine_;
};

}  // namespace

void measure_decoding(const std::shared_ptr<Model>& target,
                      const std::shared_ptr<Model>& draft,
                      const BenchOptions& options, Steps& steps,
                      BenchReport& report) {
  DecodingBench(target, draft, options, steps, report)
      .run(draft ? options.windows : std::vector<std::int64_t>{});
}

}  // namespace pilotfish
