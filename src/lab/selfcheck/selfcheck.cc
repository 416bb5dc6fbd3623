#include "pilotfish/lab/selfcheck.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "lab/selfcheck/controls.h"
#include "lab/selfcheck/identity.h"
#include "lab/selfcheck/judge.h"
#include "lab/selfcheck/narrow_pair.h"
#include "lab/selfcheck/probe.h"
#include "lab/selfcheck/sampled_texts.h"
#include "lab/selfcheck/sampling_cases.h"
#include "lab/selfcheck/target_rows.h"
#include "lab/selfcheck/text_cells.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

// Sampled texts have this many tokens: the first comes with the prompt, then a
// window drafts two, so that accepted, recovered and bonus tokens and a second
// window all come up. Few tokens, since the prompt is encoded for every text.
constexpr std::int64_t kTextTokens = 4;
constexpr std::int64_t kPromptTokens = 2;

// Weights of the progress: how many rows of a large batch take as long.
constexpr double kRowsPerText = 6;
constexpr double kRowsPerToken = 4;    // of a text decoded by itself
constexpr double kRowsPerRule = 2000;  // of all texts of a few tokens

constexpr double kCellExpects = 20;       // texts, at least
constexpr std::size_t kRowsPerCase = 64;  // of the target, for its cells
constexpr std::size_t kLikelyTokens = 8;
// A rule by itself is tested with so many times the texts that every wrong rule
// needs, and these are taken to be so many at least.
constexpr std::int64_t kMargin = 4;
constexpr std::int64_t kLeastTexts = 1 << 15;

using AcceptorPtr = std::shared_ptr<const TokenAcceptor>;

void require(bool holds, std::string_view name, double value,
             std::string_view allowed) {
  if (holds) return;
  throw UsageError(fmt::format("{}: {} is out of range; allowed is {}", name,
                               value, allowed));
}

void validate(const std::vector<SelfcheckPair>& pairs,
              const SelfcheckOptions& options) {
  if (pairs.empty()) throw UsageError("selfcheck: there is no model");
  if (options.prompts.empty() ||
      std::ranges::any_of(options.prompts,
                          [](const auto& prompt) { return prompt.empty(); })) {
    throw UsageError("selfcheck: a prompt is missing or empty");
  }
  require(!options.windows.empty(), "windows", 0, "one or more");
  for (const std::int64_t window : options.windows) {
    require(window >= 2 && window <= 64, "windows", static_cast<double>(window),
            "2 to 64");
  }
  for (const double temperature : options.temperatures) {
    require(temperature > 0 && std::isfinite(temperature), "temperatures",
            temperature, "a finite number above 0");
  }
  require(options.max_tokens >= 4, "max_tokens",
          static_cast<double>(options.max_tokens), "4 or more");
  require(options.trials >= 100, "trials", static_cast<double>(options.trials),
          "100 or more");
  require(options.most_trials >= 100, "most_trials",
          static_cast<double>(options.most_trials), "100 or more");
  require(options.level > 0 && options.level < 1, "level", options.level,
          "between 0 and 1");
  require(options.power > 0 && options.power < 1, "power", options.power,
          "between 0 and 1");
}

std::vector<AcceptorPtr> acceptors_of(const SelfcheckOptions& options) {
  if (!options.acceptors.empty()) return options.acceptors;
  std::vector<AcceptorPtr> acceptors;
  for (const std::string& name : acceptor_names()) {
    acceptors.push_back(make_acceptor(name));
  }
  return acceptors;
}

// Tokens below it are known to both models.
std::int64_t shared_vocab_size(const SelfcheckPair& models) {
  const std::int64_t target = models.target->config().vocab_size;
  return models.draft ? std::min(target, models.draft->config().vocab_size)
                      : target;
}

// Plans all checks as steps, then takes them one after another.
class Certifier {
 public:
  Certifier(const std::vector<SelfcheckPair>& pairs,
            const SelfcheckOptions& options)
      : models_(pairs.back()),
        options_(options),
        acceptors_(acceptors_of(options)),
        rows_(models_.target, {.n_positions = kPromptTokens + kTextTokens,
                               .max_sequences = 1,
                               .dtype = options.kv_dtype}),
        prompt_(telling_beginning(
            rows_, options.prompts, shared_vocab_size(models_),
            models_.target->config().eos, kTextTokens,
            kCellExpects / static_cast<double>(options.trials))),
        likely_(likely_tokens(rows_, prompt_, models_.target->config().eos,
                              kLikelyTokens)),
        prediction_(likeliest_text(rows_, prompt_, kTextTokens)),
        cases_(sampling_cases(likely_)),
        drafters_(drafters_for(models_)),
        narrow_(models_, options.kv_dtype, prompt_, likely_, kTextTokens),
        identity_(pairs, options, likely_),
        texts_needed_(std::min(kLeastTexts, options.most_trials)) {
    plan_identity();
    for (std::size_t i = 0; i < cases_.size(); ++i) plan_case(i);
    plan_rules();
  }

  Selfcheck run() {
    Selfcheck result;
    result.varied = identity_.description();
    result.sampled_prompt = prompt_;
    result.sampled_tokens = kTextTokens;
    result.rule_settings = narrow_.settings();
    for (const Step& step : steps_) {
      Check& check = result.checks.emplace_back(step.check);
      step.run(check);
    }
    std::ranges::stable_sort(result.checks, {}, &Check::kind);
    judge(result, options_.level, options_.power);
    return result;
  }

 private:
  struct Step {
    Check check;  // what is known of it before
    std::function<void(Check&)> run;
  };

  void plan_identity() {
    for (const AcceptorPtr& acceptor : acceptors_) {
      if (!acceptor->lossless()) continue;
      add_identity(CheckKind::kGreedy, std::string(acceptor->name()), acceptor,
                   0);
    }
    for (const AcceptorPtr& acceptor : acceptors_) {
      const bool shared = acceptor->draft_noise() == DraftNoise::kShared;
      if (!acceptor->lossless() || !shared) continue;
      for (const double temperature : options_.temperatures) {
        add_identity(CheckKind::kReproducible, std::string(acceptor->name()),
                     acceptor, temperature);
      }
    }
    add_identity(CheckKind::kControl, "rejection claimed reproducible",
                 make_acceptor("rejection"), 1);
  }

  // Plans a case with a bad draft, whose mistakes show those of a rule.
  void plan_case(std::size_t index) {
    for (const AcceptorPtr& acceptor : acceptors_) {
      if (!acceptor->lossless()) continue;
      add_sampled(std::string(acceptor->name()), index, {.acceptor = acceptor});
    }
    if (index == 0) plan_drafters();
  }

  void plan_drafters() {
    for (const AcceptorPtr& acceptor : acceptors_) {
      if (!acceptor->lossless()) continue;
      for (const std::vector<std::string>& drafters : drafters_) {
        add_sampled(std::string(acceptor->name()), 0,
                    {.acceptor = acceptor,
                     .drafters = drafters,
                     .prediction = prediction_});
      }
    }
  }

  void add_identity(CheckKind kind, std::string subject,
                    const AcceptorPtr& acceptor, double temperature) {
    Check check;
    check.kind = kind;
    check.subject = std::move(subject);
    check.settings = fmt::format("temperature {}", temperature);
    const double runs = static_cast<double>(identity_.runs());
    const double work =
        kRowsPerToken *
        static_cast<double>(std::ssize(options_.prompts) * options_.max_tokens);
    total_work_ += work * runs;
    steps_.push_back({check, [=, this](Check& result) {
                        result.identity = identity_.compare(
                            acceptor, temperature, [&] { advance(work); });
                      }});
  }

  void add_sampled(std::string subject, std::size_t index,
                   const SampledRun& run) {
    Check check;
    check.subject = std::move(subject);
    check.settings = cases_[index].name;
    if (!run.drafters.empty()) {
      check.settings = fmt::format("drafter {}", run.drafters.front());
    }
    ++claims_;
    const double work = kRowsPerText * static_cast<double>(options_.trials);
    total_work_ += work;
    const std::uint64_t first_seed = seed_of(steps_.size());
    steps_.push_back({check, [=, this](Check& result) {
                        result.distribution = sample(index, run, first_seed);
                        advance(work);
                      }});
  }

  // Rules by themselves: the wrong ones first, since they say how many texts
  // it takes to see what is wrong.
  void plan_rules() {
    for (const Control& control : controls()) {
      add_rule(CheckKind::kControl, control.mistake,
               {.acceptor = control.acceptor, .wrap = control.wrap});
    }
    for (const AcceptorPtr& acceptor : acceptors_) {
      add_rule(
          acceptor->lossless() ? CheckKind::kDistribution : CheckKind::kLossy,
          std::string(acceptor->name()), {.acceptor = acceptor});
    }
  }

  // A claim is held to what showed every wrong rule, and more. Of a wrong or a
  // lossy rule there are texts until it shows.
  void add_rule(CheckKind kind, std::string subject, const SampledRun& run) {
    Check check;
    check.kind = kind;
    check.subject = std::move(subject);
    check.settings = narrow_.settings();
    const bool claim = kind == CheckKind::kDistribution;
    if (claim) ++claims_;
    total_work_ += kRowsPerRule;
    const std::uint64_t first_seed = seed_of(steps_.size());
    steps_.push_back(
        {check, [=, this](Check& result) {
           result.distribution =
               claim ? narrow_.test(run, kMargin * texts_needed_, first_seed)
                     : narrow_.test_until(
                           run, strictest_level(claims_, options_.level),
                           options_.most_trials, first_seed);
           if (kind == CheckKind::kControl) {
             texts_needed_ =
                 std::max(texts_needed_, result.distribution->texts);
           }
           advance(kRowsPerRule);
         }});
  }

  DistributionResult sample(std::size_t index, const SampledRun& run,
                            std::uint64_t first_seed) {
    return test_sampled_texts(models_, options_.kv_dtype, recipe(index),
                              cells(index), run, options_.trials, first_seed);
  }

  std::uint64_t seed_of(std::size_t step) const {
    // Far apart, or another seed would give nearly the same texts.
    constexpr std::uint64_t kStride = 0x9E3779B97F4A7C15;
    return options_.seed * kStride + (std::uint64_t{step} << 32);
  }

  TextRecipe recipe(std::size_t index) const {
    return {prompt_, cases_[index].sampling, cases_[index].stop_tokens,
            kTextTokens};
  }

  // The steps of a case come together: only its cells are kept.
  const TextCells& cells(std::size_t index) {
    if (!cells_ || cells_of_ != index) {
      cells_.emplace(rows_, recipe(index),
                     kCellExpects / static_cast<double>(options_.trials),
                     kRowsPerCase);
      cells_of_ = index;
    }
    return *cells_;
  }

  void advance(double work) {
    work_done_ += work;
    if (options_.progress) options_.progress(work_done_ / total_work_);
  }

  const SelfcheckPair& models_;
  const SelfcheckOptions& options_;
  std::vector<AcceptorPtr> acceptors_;
  TargetRows rows_;
  std::vector<Token> prompt_;
  std::vector<Token> likely_;
  std::vector<Token> prediction_;
  std::vector<SamplingCase> cases_;
  std::vector<std::vector<std::string>> drafters_;
  NarrowPair narrow_;
  IdentityChecks identity_;
  std::vector<Step> steps_;
  std::int64_t claims_ = 0;    // of a distribution
  std::int64_t texts_needed_;  // to see what is wrong with a rule
  std::optional<TextCells> cells_;
  std::size_t cells_of_ = 0;
  double total_work_ = 0;  // in rows
  double work_done_ = 0;
};

}  // namespace

Selfcheck selfcheck(const std::vector<SelfcheckPair>& pairs,
                    const SelfcheckOptions& options) {
  validate(pairs, options);
  return Certifier(pairs, options).run();
}

}  // namespace pilotfish
