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
    std::vector<double> verify;
    double passes = 0;  // seconds in models
    double all = 0;
    double drafting = 0;
    std::int64_t drafted = 0;
    for (size_t i = 1; i < stats.iterations.size(); ++i) {
      const IterationStats& iteration = stats.iterations[i];
      verify.push_back(iteration.verify_seconds);
      passes += iteration.draft_seconds + iteration.verify_seconds;
      all += iteration.total_seconds;
      drafting += iteration.draft_seconds;
      drafted += iteration.drafted;
      accepted_ += iteration.accepted;
      judged_ += std::min(iteration.drafted, iteration.accepted + 1);
      emitted_ += iteration.emitted;
      ++iterations_;
    }
    drafted_ += drafted;
    tokens_per_second_.push_back(stats.tokens_per_second);
    verify_.push_back(spread_of(std::move(verify)).median);
    bookkeeping_.push_back(1 - passes / all);
    if (drafted > 0) {
      draft_row_.push_back(drafting / static_cast<double>(drafted));
    }
  }

  double latest() const { return tokens_per_second_.back(); }
  DecodingSpeed speed() const {
    return {spread_of(tokens_per_second_), spread_of(verify_),
            spread_of(bookkeeping_)};
  }
  Spread draft_row_seconds() const {
    return draft_row_.empty() ? Spread{} : spread_of(draft_row_);
  }
  double acceptance() const { return share(accepted_, drafted_); }
  // Of a token that was judged: those behind a rejected one are not.
  double acceptance_per_token() const { return share(accepted_, judged_); }
  double tokens_per_pass() const { return share(emitted_, iterations_); }

 private:
  static double share(std::int64_t part, std::int64_t whole) {
    return whole == 0 ? 0
                      : static_cast<double>(part) / static_cast<double>(whole);
  }

  std::vector<double> tokens_per_second_;
  std::vector<double> verify_;       // seconds
  std::vector<double> bookkeeping_;  // share
  std::vector<double> draft_row_;    // seconds
  std::int64_t drafted_ = 0;
  std::int64_t accepted_ = 0;
  std::int64_t judged_ = 0;
  std::int64_t emitted_ = 0;
  std::int64_t iterations_ = 0;
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
                            .acceptance = runs.acceptance(),
                            .tokens_per_pass = runs.tokens_per_pass()};
    const double acceptance =
        options_.synthetic_acceptance.value_or(runs.acceptance_per_token());
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
