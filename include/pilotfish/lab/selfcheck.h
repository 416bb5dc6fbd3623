#ifndef PILOTFISH_LAB_SELFCHECK_H_
#define PILOTFISH_LAB_SELFCHECK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/acceptor.h"
#include "pilotfish/dtype.h"
#include "pilotfish/model.h"
#include "pilotfish/token.h"

// A certificate, for two models on this machine, that speculation changes
// nothing: texts compared bit for bit where they must be the same, and
// distributions compared by chi-square tests where they are sampled. Wrong
// rules go through the same tests, which must catch them.
namespace pilotfish {

// The same models, loaded for so many threads.
struct SelfcheckPair {
  std::shared_ptr<Model> target;
  std::shared_ptr<Model> draft;  // may be null: the target drafts for itself
  int threads = 1;
};

struct SelfcheckOptions {
  // The prompts, in tokens of the target: at least one, and none empty.
  std::vector<std::vector<Token>> prompts;
  // Each is tested as what it says of itself, lossless() or not. Empty: those
  // of acceptor_names().
  std::vector<std::shared_ptr<const TokenAcceptor>> acceptors;
  std::vector<std::int64_t> windows = {2, 5, 8};
  std::vector<double> temperatures = {0.7, 1, 1.5};  // of coupled texts
  std::int64_t max_tokens = 32;                      // of texts compared
  // Texts sampled with the models as they are, for each statistical test.
  std::int64_t trials = 600;
  // The most texts sampled to show that a rule is wrong. Rules that claim to be
  // lossless are tested with four times as many as the wrong ones needed.
  std::int64_t most_trials = 1 << 20;
  // The probability that a right engine fails any of the statistical tests.
  double level = 1e-3;
  // The probability with which each of them detects the distance that it
  // states.
  double power = 0.99;
  std::uint64_t seed = 0;
  DType kv_dtype = DType::kF16;
  std::function<void(double)> progress;  // with the fraction done; may be empty
};

enum class CheckVerdict {
  kHolds,
  kFails,
  kCaught,     // a wrong rule, as it must be
  kNotCaught,  // a wrong rule: the tests have too little power
  // A rule that says it is lossy has one of these; neither is a failure.
  kLossyDetected,
  kLossyUndetected,
};
std::string_view verdict_name(CheckVerdict verdict);

// The result of comparing texts with those of plain decoding by tokens.
struct IdentityResult {
  std::int64_t texts = 0;
  std::int64_t tokens = 0;
  std::int64_t different = 0;  // texts
  std::int64_t drafted = 0;    // tokens; without any, nothing was tested
  std::int64_t accepted = 0;
  std::string first_difference = {};  // where; empty: none
};

// Pearson's test of sampled texts against the target's own distribution.
struct DistributionResult {
  std::int64_t texts = 0;
  std::int64_t drafted = 0;
  std::int64_t accepted = 0;
  double statistic = 0;  // infinity: a text that cannot be
  double degrees = 0;    // one less than the cells that texts fall into
  double p_value = 1;
  // The total variation distance, over the cells, that the test detects with
  // SelfcheckOptions::power; above 1: none.
  double detects = 0;
  // The distance between the sampled texts and what is expected. Chance alone
  // makes it larger than 0.
  double distance = 0;
};

enum class CheckKind {
  kGreedy,        // at temperature 0 the text is plain decoding's
  kReproducible,  // with shared noise it is so at every temperature
  kDistribution,  // a lossless rule's texts have the target's distribution
  kControl,       // a wrong rule does not pass for a lossless one
  kLossy,         // a rule that says it is lossy, for comparison
};
std::string_view check_kind_name(CheckKind kind);

struct Check {
  CheckKind kind = CheckKind::kDistribution;
  std::string subject;                             // the rule, or the mistake
  std::string settings;                            // under which it was run
  std::optional<IdentityResult> identity;          // one of the two
  std::optional<DistributionResult> distribution;  // is there
  CheckVerdict verdict = CheckVerdict::kHolds;
};

enum class SelfcheckVerdict {
  kLossless,        // every claim holds, every wrong rule was caught
  kNotLossless,     // a claim does not hold
  kNothingClaimed,  // no rule says that it is lossless
  kInconclusive,    // every claim holds, but wrong rules were not caught
};
std::string_view verdict_name(SelfcheckVerdict verdict);

struct Selfcheck {
  std::vector<Check> checks;  // by kind
  // The drafters, windows, threads, batches and prompt chunks over which texts
  // were compared bit for bit; and what the sampled texts begin with.
  std::vector<std::string> varied;
  std::vector<Token> sampled_prompt;
  std::int64_t sampled_tokens = 0;  // of each
  // Check::settings of the tests of acceptance rules alone, over a few of the
  // models' tokens and with many texts. Wrong rules must fail them.
  std::string rule_settings;
  SelfcheckVerdict verdict = SelfcheckVerdict::kLossless;
  // Claims tested by chi-square, among which Holm's procedure shares the level;
  // a p-value of the strictest of its levels counts as caught.
  std::int64_t statistical_claims = 0;
  double strictest_level = 0;
};

// Runs all checks. The first pair decodes plainly, the reference for all
// others. Takes seconds to minutes. Throws UsageError for options out of range,
// Error for what goes wrong on the way.
Selfcheck selfcheck(const std::vector<SelfcheckPair>& pairs,
                    const SelfcheckOptions& options);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_H_
