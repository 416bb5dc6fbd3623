#include "pilotfish/lab/sweep.h"

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include "pilotfish/acceptor.h"
#include "pilotfish/speedup.h"
#include "pilotfish/spread.h"

namespace pilotfish {
namespace {

// An engine for each acceptor and choice of drafters.
class Engines {
 public:
  using Make = std::function<std::unique_ptr<Engine>(const SweepSetting&)>;
  explicit Engines(Make make) : make_(std::move(make)) {}

  Engine& of(const SweepSetting& setting) {
    std::unique_ptr<Engine>& engine =
        engines_[{setting.acceptor, setting.drafters}];
    if (!engine) engine = make_(setting);
    return *engine;
  }

 private:
  Make make_;
  std::map<std::pair<std::string, std::vector<std::string>>,
           std::unique_ptr<Engine>>
      engines_;
};

// One prompt with one setting, and plain decoding before it.
void compare(Engine& engine, const Request& request,
             const std::vector<Token>& prompt, SweepComparison& comparison) {
  const auto run = [&](std::int64_t window) {
    Request one = request;
    one.prompt = prompt;
    one.sampling.temperature = comparison.setting.temperature;
    one.window = window;
    return engine.generate(std::move(one)).stats;
  };
  const GenerationStats plain = run(1);
  const GenerationStats speculative = run(comparison.setting.window);
  ++comparison.prompts;
  comparison.plain.add(plain.summary);
  comparison.speculative.add(speculative.summary);
  if (plain.tokens_per_second > 0) {
    comparison.ratios.push_back(speculative.tokens_per_second /
                                plain.tokens_per_second);
  }
}

double over(double whole, double part) { return part == 0 ? 0 : whole / part; }

}  // namespace

double SweepComparison::speedup() const {
  return over(plain.seconds_per_token(), speculative.seconds_per_token());
}

double SweepComparison::verify_cost() const {
  return over(median(speculative.verify_seconds), median(plain.verify_seconds));
}

double SweepComparison::draft_cost() const {
  return over(median(speculative.draft_seconds), median(plain.verify_seconds));
}

double SweepComparison::predicted_speedup() const {
  return over(speculative.tokens_per_pass(), verify_cost() + draft_cost());
}

double SweepComparison::formula_speedup(double acceptance) const {
  return over(expected_tokens(acceptance, setting.window),
              verify_cost() + draft_cost());
}

std::vector<SweepComparison> sweep(
    const std::shared_ptr<Model>& target, const std::shared_ptr<Model>& draft,
    const std::shared_ptr<const Tokenizer>& tokenizer,
    const SweepOptions& options) {
  Engines engines([&](const SweepSetting& setting) {
    EngineOptions engine = options.engine;
    engine.reuse_prefixes = false;  // or all but the first would be quicker
    engine.acceptor = make_acceptor(setting.acceptor);
    engine.drafters = setting.drafters;
    return std::make_unique<Engine>(target, draft, tokenizer, engine);
  });
  std::vector<SweepComparison> comparisons;
  for (const SweepSetting& setting : options.settings) {
    comparisons.emplace_back().setting = setting;
  }
  const auto all = static_cast<double>(options.prompts.size()) *
                   static_cast<double>(comparisons.size());
  double done = 0;
  const auto goes_on = [&] {
    return !options.progress || options.progress(++done / all);
  };
  const auto run_all = [&] {
    for (const std::vector<Token>& prompt : options.prompts) {
      for (SweepComparison& one : comparisons) {
        compare(engines.of(one.setting), options.request, prompt, one);
        if (!goes_on()) return;
      }
    }
  };
  run_all();
  std::erase_if(comparisons,
                [](const SweepComparison& one) { return one.prompts == 0; });
  return comparisons;
}

std::vector<SweepGroup> sweep_groups(
    const std::vector<SweepComparison>& comparisons) {
  const auto traits = [](const SweepComparison& one) {
    return std::tie(one.setting.drafters, one.setting.acceptor,
                    one.setting.temperature);
  };
  std::vector<SweepGroup> groups;
  for (auto first = comparisons.begin(); first != comparisons.end();) {
    const auto last = std::find_if_not(first, comparisons.end(),
                                       [&](const SweepComparison& one) {
                                         return traits(one) == traits(*first);
                                       });
    groups.emplace_back(first, last);
    first = last;
  }
  return groups;
}

double acceptance_per_token(SweepGroup group) {
  IterationSummary all;
  for (const SweepComparison& one : group) all.add(one.speculative);
  return all.acceptance_per_token();
}

const SweepComparison* best_of(SweepGroup comparisons) {
  const auto best =
      std::ranges::max_element(comparisons, {}, &SweepComparison::speedup);
  return best == comparisons.end() || best->speedup() <= 1 ? nullptr : &*best;
}

}  // namespace pilotfish
