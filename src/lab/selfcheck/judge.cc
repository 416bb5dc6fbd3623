#include "lab/selfcheck/judge.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "sampling/chi_square.h"

namespace pilotfish {
namespace {

std::vector<Check*> statistical_claims(Selfcheck& selfcheck) {
  std::vector<Check*> claims;
  for (Check& check : selfcheck.checks) {
    if (check.kind == CheckKind::kDistribution) claims.push_back(&check);
  }
  return claims;
}

// The least p-value is compared with level / n, the next with level / (n - 1),
// and so on until one holds; then all others hold too.
void judge_claims(std::vector<Check*> claims, double level) {
  std::ranges::stable_sort(claims, {}, [](const Check* check) {
    return check->distribution->p_value;
  });
  bool fails = true;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    fails = fails && claims[i]->distribution->p_value <=
                         level / static_cast<double>(claims.size() - i);
    claims[i]->verdict = fails ? CheckVerdict::kFails : CheckVerdict::kHolds;
  }
}

bool tells_apart(const Check& check, double level) {
  return check.identity ? check.identity->different > 0
                        : check.distribution->p_value <= level;
}

CheckVerdict verdict_of(const Check& check, double level) {
  switch (check.kind) {
    case CheckKind::kGreedy:
    case CheckKind::kReproducible:
      return check.identity->different == 0 ? CheckVerdict::kHolds
                                            : CheckVerdict::kFails;
    case CheckKind::kDistribution:
      return check.verdict;
    case CheckKind::kControl:
      return tells_apart(check, level) ? CheckVerdict::kCaught
                                       : CheckVerdict::kNotCaught;
    case CheckKind::kLossy:
      return tells_apart(check, level) ? CheckVerdict::kLossyDetected
                                       : CheckVerdict::kLossyUndetected;
  }
  return check.verdict;
}

SelfcheckVerdict overall(const std::vector<Check>& checks) {
  const auto any = [&](CheckVerdict verdict) {
    return std::ranges::count(checks, verdict, &Check::verdict) > 0;
  };
  if (any(CheckVerdict::kFails)) return SelfcheckVerdict::kNotLossless;
  if (!any(CheckVerdict::kHolds)) return SelfcheckVerdict::kNothingClaimed;
  if (any(CheckVerdict::kNotCaught)) return SelfcheckVerdict::kInconclusive;
  return SelfcheckVerdict::kLossless;
}

}  // namespace

void judge(Selfcheck& selfcheck, double level, double power) {
  const std::vector<Check*> claims = statistical_claims(selfcheck);
  judge_claims(claims, level);
  selfcheck.statistical_claims = std::ssize(claims);
  selfcheck.strictest_level =
      strictest_level(selfcheck.statistical_claims, level);
  for (Check& check : selfcheck.checks) {
    if (check.distribution) {
      DistributionResult& result = *check.distribution;
      result.detects =
          result.degrees > 0
              ? detectable_distance(result.degrees,
                                    static_cast<double>(result.texts),
                                    selfcheck.strictest_level, power)
              : std::numeric_limits<double>::infinity();
    }
    check.verdict = verdict_of(check, selfcheck.strictest_level);
  }
  selfcheck.verdict = overall(selfcheck.checks);
}

}  // namespace pilotfish
