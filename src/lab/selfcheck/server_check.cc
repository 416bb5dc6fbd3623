#include "pilotfish/lab/server_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "lab/selfcheck/at_once.h"
#include "lab/selfcheck/check_options.h"
#include "lab/selfcheck/judge.h"
#include "lab/selfcheck/sampled_texts.h"
#include "lab/selfcheck/sampling_plan.h"
#include "lab/selfcheck/served_identity.h"
#include "pilotfish/window.h"

namespace pilotfish {
namespace {

constexpr std::int64_t kServedWindows[] = {1, kAutoWindow, 6};
// Texts that wait at the server: fewer than its queue usually takes.
constexpr std::int64_t kTextsOfRequest = 16;
constexpr std::int64_t kRequestsAtOnce = 4;
// The claims of temperature 1 get so many times the texts that show every
// request for something else.
constexpr std::int64_t kServedMargin = 2;
// What is asked for instead of 1.
constexpr double kOtherTemperature = 1.5;
constexpr const char* kReproducible = "coupled";
constexpr const char* kPredicts = "prediction";

// How sampled texts are asked for.
struct ServedRun {
  std::int64_t window = 1;
  std::string acceptor = {};  // as ServedRequest's
  bool predicts = false;      // the client says what is drafted
  double temperature = 0;     // asked for instead of the case's; 0: none
};

// Plans all checks as steps, then takes them one after another.
class ServerCertifier {
 public:
  ServerCertifier(TextServer& server, const SelfcheckPair& model,
                  const std::shared_ptr<const Tokenizer>& tokenizer,
                  const SelfcheckOptions& options)
      : server_(server),
        options_(options),
        sampling_(model, options, BadWords::kNone),
        identity_(server, model, tokenizer, options, sampling_.likely()),
        texts_needed_(options.trials) {
    const std::vector<std::string> drafters = server.drafters();
    drafts_ = !drafters.empty();
    if (tokenizer && std::ranges::count(drafters, kPredicts) > 0) {
      prediction_ = tokenizer->decode(sampling_.prediction());
    }
    plan_identity();
    plan_controls();
    plan_claims();
  }

  Selfcheck run() {
    Selfcheck result;
    result.sampled_prompt = sampling_.prompt();
    result.sampled_tokens = kSampledTokens;
    for (const Step& step : steps_) {
      Check& check = result.checks.emplace_back(step.check);
      step.run(check);
      work_done_ += step.work;
      if (options_.progress) options_.progress(work_done_ / total_work_);
    }
    result.varied = identity_.description();
    std::ranges::stable_sort(result.checks, {}, &Check::kind);
    judge(result, options_.level, options_.power);
    return result;
  }

 private:
  struct Step {
    Check check;  // what is known of it before
    double work;  // in tokens, about
    std::function<void(Check&)> run;
  };

  void plan_identity() {
    for (const std::int64_t window : kServedWindows) {
      add_identity(CheckKind::kGreedy, server_.acceptor(), "", 0, window);
    }
    for (const double temperature : options_.temperatures) {
      for (const std::int64_t window : kServedWindows) {
        add_identity(CheckKind::kReproducible, kReproducible, kReproducible,
                     temperature, window);
      }
    }
    if (!drafts_) return;
    add_identity(CheckKind::kControl, "rejection claimed reproducible",
                 "rejection", 1, kServedWindows[2]);
  }

  // Requests for something else than what is expected: they say how many texts
  // it takes to see that.
  void plan_controls() {
    add_sampled(CheckKind::kControl,
                fmt::format("temperature {} asked for", kOtherTemperature), 0,
                {.window = kSampledTokens, .temperature = kOtherTemperature});
    if (!drafts_) return;
    add_sampled(
        CheckKind::kControl, "typical claimed lossless", 0,
        {.window = kSampledTokens, .acceptor = "typical", .predicts = true});
  }

  void plan_claims() {
    const std::string own = server_.acceptor();
    const ServedRun whole = {.window = kSampledTokens};
    const auto claim = [&](const std::string& subject, std::size_t index,
                           const ServedRun& run) {
      add_sampled(CheckKind::kDistribution, subject, index, run);
    };
    claim(own, 0, whole);
    claim(own, 0, {.window = kAutoWindow});
    // A text leaves the prediction soon where other tokens are likely.
    claim(own, 0, {.window = kSampledTokens, .predicts = true});
    claim(own, 0, {.window = 1});
    claim(kReproducible, 0,
          {.window = kSampledTokens, .acceptor = kReproducible});
    for (std::size_t i = 1; i < sampling_.cases().size(); ++i) {
      claim(own, i, whole);
    }
  }

  void add_identity(CheckKind kind, const std::string& subject,
                    const std::string& acceptor, double temperature,
                    std::int64_t window) {
    Check check;
    check.kind = kind;
    check.subject = subject;
    check.settings = fmt::format("temperature {}, {}", temperature,
                                 served_window_text(window));
    add_step(
        check, static_cast<double>(identity_.texts() * options_.max_tokens),
        [=, this](Check& result) {
          result.identity = identity_.compare(acceptor, temperature, window);
        });
  }

  void add_sampled(CheckKind kind, const std::string& subject,
                   std::size_t index, const ServedRun& run) {
    Check check;
    check.kind = kind;
    check.subject = subject;
    check.settings =
        fmt::format("{}, {}{}", sampling_.cases()[index].name,
                    served_window_text(run.window),
                    run.predicts && !prediction_.empty() ? ", predicted" : "");
    const bool claims = kind == CheckKind::kDistribution;
    if (claims) ++claims_;
    const std::int64_t times = claims && index == 0 ? kServedMargin : 1;
    const std::uint64_t first_seed = seed_of_step(options_.seed, steps_.size());
    add_step(
        check, static_cast<double>(times * options_.trials * kSampledTokens),
        [=, this](Check& result) {
          if (!claims) {
            result.distribution = sample_until(index, run, first_seed);
            texts_needed_ = std::max(texts_needed_, result.distribution->texts);
            return;
          }
          TextCounts counts;
          add_texts(
              index, run,
              index == 0 ? kServedMargin * texts_needed_ : options_.trials,
              first_seed, counts);
          result.distribution = counts.tested(sampling_.cells(index));
        });
  }

  void add_step(const Check& check, double work,
                std::function<void(Check&)> run) {
    steps_.push_back({check, work, std::move(run)});
    total_work_ += work;
  }

  // Doubles the number of texts until the test refuses them.
  DistributionResult sample_until(std::size_t index, const ServedRun& run,
                                  std::uint64_t first_seed) {
    constexpr std::int64_t kMostTimes = 16;
    const double level = strictest_level(claims_, options_.level);
    TextCounts counts;
    std::int64_t wanted = options_.trials;
    while (true) {
      add_texts(index, run, wanted - counts.texts(),
                first_seed + static_cast<std::uint64_t>(counts.texts()),
                counts);
      const DistributionResult result = counts.tested(sampling_.cells(index));
      if (result.p_value <= level || wanted == kMostTimes * options_.trials) {
        return result;
      }
      wanted = std::min(2 * wanted, kMostTimes * options_.trials);
    }
  }

  void add_texts(std::size_t index, const ServedRun& run, std::int64_t texts,
                 std::uint64_t first_seed, TextCounts& counts) {
    const TextCells& cells = sampling_.cells(index);
    const std::int64_t requests =
        (texts + kTextsOfRequest - 1) / kTextsOfRequest;
    std::vector<std::vector<ServedText>> served(
        static_cast<std::size_t>(requests));
    at_once(requests, kRequestsAtOnce, [&](std::int64_t i) {
      ServedRequest request = asked(sampling_.recipe(index), run);
      const std::int64_t first = i * kTextsOfRequest;
      request.sampling.seed = first_seed + static_cast<std::uint64_t>(first);
      request.texts = std::min(kTextsOfRequest, texts - first);
      served[static_cast<std::size_t>(i)] = server_.generate(request);
    });
    for (const std::vector<ServedText>& together : served) {
      for (const ServedText& text : together) {
        counts.add(text.tokens, text.drafted, text.accepted, cells);
      }
    }
  }

  ServedRequest asked(const TextRecipe& recipe, const ServedRun& run) const {
    ServedRequest request;
    request.prompt = recipe.prompt;
    request.sampling = recipe.sampling;
    if (run.temperature > 0) request.sampling.temperature = run.temperature;
    request.stop_ids = recipe.stop_tokens;
    request.ignore_eos = true;
    request.max_tokens = recipe.max_tokens;
    request.window = run.window;
    request.acceptor = run.acceptor;
    if (run.predicts && !prediction_.empty()) {
      request.drafter = kPredicts;
      request.prediction = prediction_;
    }
    return request;
  }

  TextServer& server_;
  const SelfcheckOptions& options_;
  SamplingPlan sampling_;
  ServedIdentity identity_;
  bool drafts_ = false;
  std::string prediction_;  // empty: the server takes none
  std::vector<Step> steps_;
  std::int64_t claims_ = 0;    // of a distribution
  std::int64_t texts_needed_;  // to see that something else was asked for
  double total_work_ = 0;
  double work_done_ = 0;
};

}  // namespace

Selfcheck check_server(TextServer& server, const SelfcheckPair& model,
                       std::shared_ptr<const Tokenizer> tokenizer,
                       const SelfcheckOptions& options) {
  check_options({model}, options);
  const SelfcheckPair target = {model.target, nullptr, model.threads};
  return ServerCertifier(server, target, tokenizer, options).run();
}

}  // namespace pilotfish
