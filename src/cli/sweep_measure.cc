#include "cli/sweep_measure.h"

#include <map>
#include <memory>
#include <numeric>
#include <utility>

#include "cli/report.h"
#include "pilotfish/acceptor.h"
#include "pilotfish/speedup.h"

namespace pilotfish::cli {
namespace {

// An engine for each acceptor and drafter.
class Engines {
 public:
  Engines(const Session& session, std::int64_t n_positions)
      : session_(session), n_positions_(n_positions) {}

  Engine& of(const Setting& setting) {
    std::unique_ptr<Engine>& engine =
        engines_[{setting.acceptor, setting.drafters}];
    if (!engine) {
      EngineOptions options = engine_options(session_, n_positions_);
      options.acceptor = make_acceptor(setting.acceptor);
      options.drafters = setting.drafters;
      engine = std::make_unique<Engine>(session_.target, session_.draft,
                                        session_.tokenizer, options);
    }
    return *engine;
  }

 private:
  const Session& session_;
  std::int64_t n_positions_;
  std::map<std::pair<std::string, std::vector<DrafterKind>>,
           std::unique_ptr<Engine>>
      engines_;
};

void count_places(const IterationStats& iteration, Totals& totals) {
  const auto drafted = static_cast<size_t>(iteration.places());
  const auto accepted = static_cast<size_t>(iteration.accepted);
  if (totals.offered_at.size() < drafted) {
    totals.offered_at.resize(drafted);
    totals.accepted_at.resize(drafted);
  }
  for (size_t i = 0; i < drafted; ++i) ++totals.offered_at[i];
  for (size_t i = 0; i < accepted; ++i) ++totals.accepted_at[i];
}

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0
                    : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

void Totals::add(const GenerationStats& stats) {
  for (size_t i = 1; i < stats.iterations.size(); ++i) {
    const IterationStats& iteration = stats.iterations[i];
    tokens += iteration.emitted;
    ++passes;
    drafted += iteration.drafted;
    accepted += iteration.accepted;
    if (iteration.accepted < iteration.places()) ++rejecting_passes;
    seconds += iteration.total_seconds;
    draft_seconds.push_back(iteration.draft_seconds);
    verify_seconds.push_back(iteration.verify_seconds);
    count_places(iteration, *this);
  }
}

double Totals::seconds_per_token() const {
  return tokens == 0 ? 0 : seconds / static_cast<double>(tokens);
}

double Totals::tokens_per_pass() const { return share(tokens, passes); }

double Totals::acceptance_rate() const { return share(accepted, drafted); }

std::vector<double> Totals::acceptance_by_place() const {
  std::vector<double> rates;
  for (size_t i = 0; i < offered_at.size(); ++i) {
    rates.push_back(share(accepted_at[i], offered_at[i]));
  }
  return rates;
}

Totals::Split Totals::split() const {
  if (tokens == 0) return {};
  const auto a_token = [&](const std::vector<double>& times) {
    return std::accumulate(times.begin(), times.end(), 0.0) /
           static_cast<double>(tokens);
  };
  const double draft = a_token(draft_seconds);
  const double verify = a_token(verify_seconds);
  return {draft, verify, seconds_per_token() - draft - verify};
}

double acceptance_per_token(const std::vector<const Totals*>& totals) {
  std::int64_t accepted = 0;
  std::int64_t decided = 0;
  for (const Totals* one : totals) {
    accepted += one->accepted;
    decided += one->accepted + one->rejecting_passes;
  }
  return share(accepted, decided);
}

double Comparison::speedup() const {
  const double time = speculative.seconds_per_token();
  return time == 0 ? 0 : plain.seconds_per_token() / time;
}

double Comparison::verify_cost() const {
  const double one = median(plain.verify_seconds);
  return one == 0 ? 0 : median(speculative.verify_seconds) / one;
}

double Comparison::draft_cost() const {
  const double one = median(plain.verify_seconds);
  return one == 0 ? 0 : median(speculative.draft_seconds) / one;
}

double Comparison::predicted_speedup() const {
  const double cost = verify_cost() + draft_cost();
  return cost == 0 ? 0 : speculative.tokens_per_pass() / cost;
}

double Comparison::formula_speedup(double acceptance) const {
  const double cost = verify_cost() + draft_cost();
  return cost == 0 ? 0 : expected_tokens(acceptance, setting.window) / cost;
}

std::vector<Comparison> measure(const Session& session, const Request& request,
                                std::int64_t n_positions,
                                const std::vector<std::vector<Token>>& prompts,
                                const std::vector<Setting>& settings,
                                const std::function<bool(double)>& progress) {
  Engines engines(session, n_positions);
  std::vector<Comparison> comparisons;
  for (const Setting& setting : settings) {
    comparisons.push_back({setting, {}, {}, {}});
  }
  const auto run = [&](const Setting& setting, std::int64_t window,
                       const std::vector<Token>& prompt) {
    Request one = request;
    one.prompt = prompt;
    one.sampling.temperature = setting.temperature;
    one.window = window;
    return engines.of(setting).generate(std::move(one)).stats;
  };
  const size_t all = prompts.size() * settings.size();
  size_t done = 0;
  for (const std::vector<Token>& prompt : prompts) {
    for (Comparison& comparison : comparisons) {
      const GenerationStats plain = run(comparison.setting, 1, prompt);
      const GenerationStats speculative =
          run(comparison.setting, comparison.setting.window, prompt);
      comparison.plain.add(plain);
      comparison.speculative.add(speculative);
      if (plain.tokens_per_second > 0) {
        comparison.ratios.push_back(speculative.tokens_per_second /
                                    plain.tokens_per_second);
      }
      ++done;
      if (!progress(static_cast<double>(done) / static_cast<double>(all))) {
        std::erase_if(comparisons, [](const Comparison& one) {
          return one.speculative.passes == 0;
        });
        return comparisons;
      }
    }
  }
  return comparisons;
}

}  // namespace pilotfish::cli
