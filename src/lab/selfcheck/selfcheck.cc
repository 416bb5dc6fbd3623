#include "pilotfish/lab/selfcheck.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "lab/selfcheck/check_options.h"
#include "lab/selfcheck/controls.h"
#include "lab/selfcheck/identity.h"
#include "lab/selfcheck/judge.h"
#include "lab/selfcheck/narrow_pair.h"
#include "lab/selfcheck/sampled_texts.h"
#include "lab/selfcheck/sampling_plan.h"

namespace pilotfish {
namespace {

// Weights of the progress: how many rows of a large batch take as long.
constexpr double kRowsPerText = 6;
constexpr double kRowsPerToken = 4;    // of a text decoded by itself
constexpr double kRowsPerRule = 2000;  // of all texts of a few tokens

// A rule by itself is tested with so many times the texts that every wrong rule
// needs, and these are taken to be so many at least.
constexpr std::int64_t kMargin = 4;
constexpr std::int64_t kLeastTexts = 1 << 15;

using AcceptorPtr = std::shared_ptr<const TokenAcceptor>;

std::vector<AcceptorPtr> acceptors_of(const SelfcheckOptions& options) {
  if (!options.acceptors.empty()) return options.acceptors;
  std::vector<AcceptorPtr> acceptors;
  for (const std::string& name : acceptor_names()) {
    acceptors.push_back(make_acceptor(name));
  }
  return acceptors;
}

// Plans all checks as steps, then takes them one after another.
class Certifier {
 public:
  Certifier(const std::vector<SelfcheckPair>& pairs,
            const SelfcheckOptions& options)
      : models_(pairs.back()),
        options_(options),
        acceptors_(acceptors_of(options)),
        sampling_(models_, options),
        drafters_(drafters_for(models_)),
        narrow_(models_, options.kv_dtype, sampling_.prompt(),
                sampling_.likely(), kSampledTokens),
        identity_(pairs, options, sampling_.likely()),
        texts_needed_(std::min(kLeastTexts, options.most_trials)) {
    plan_identity();
    for (std::size_t i = 0; i < sampling_.cases().size(); ++i) {
      plan_case(i);
    }
    plan_rules();
  }

  Selfcheck run() {
    Selfcheck result;
    result.varied = identity_.description();
    result.sampled_prompt = sampling_.prompt();
    result.sampled_tokens = kSampledTokens;
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
                     .prediction = sampling_.prediction()});
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
    check.settings = sampling_.cases()[index].name;
    if (!run.drafters.empty()) {
      check.settings = fmt::format("drafter {}", run.drafters.front());
    }
    ++claims_;
    const double work = kRowsPerText * static_cast<double>(options_.trials);
    total_work_ += work;
    const std::uint64_t first_seed = seed_of_step(options_.seed, steps_.size());
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
    const std::uint64_t first_seed = seed_of_step(options_.seed, steps_.size());
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
    return test_sampled_texts(models_, options_.kv_dtype,
                              sampling_.recipe(index), sampling_.cells(index),
                              run, options_.trials, first_seed);
  }

  void advance(double work) {
    work_done_ += work;
    if (options_.progress) options_.progress(work_done_ / total_work_);
  }

  const SelfcheckPair& models_;
  const SelfcheckOptions& options_;
  std::vector<AcceptorPtr> acceptors_;
  SamplingPlan sampling_;
  std::vector<std::vector<std::string>> drafters_;
  NarrowPair narrow_;
  IdentityChecks identity_;
  std::vector<Step> steps_;
  std::int64_t claims_ = 0;    // of a distribution
  std::int64_t texts_needed_;  // to see what is wrong with a rule
  double total_work_ = 0;      // in rows
  double work_done_ = 0;
};

}  // namespace

Selfcheck selfcheck(const std::vector<SelfcheckPair>& pairs,
                    const SelfcheckOptions& options) {
  check_options(pairs, options);
  return Certifier(pairs, options).run();
}

}  // namespace pilotfish
