#include <pilotfish/acceptor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#ifndef ACCEPTANCE_POWER
#define ACCEPTANCE_POWER 1
#endif

namespace {

using pilotfish::Distribution;
using pilotfish::RandomRole;
using pilotfish::Token;
using pilotfish::Verification;

// The rejection rule as a user would write it, where ACCEPTANCE_POWER is 1;
// else it accepts with min(1, p/q) to that power, and is wrong.
class Sound final : public pilotfish::TokenAcceptor {
 public:
  std::string_view name() const override {
    return ACCEPTANCE_POWER == 1 ? "sound" : "unsound";
  }
  bool lossless() const override { return true; }
  pilotfish::Verdict accept(const Verification& v) const override {
    pilotfish::Verdict verdict;
    for (size_t i = 0; i < v.draft.size(); ++i) {
      const Token token = v.draft.tokens[i];
      const double ratio = v.target[i].probability(token) / v.draft.proposed(i);
      const double u = v.random.uniform(v.position + i, RandomRole::kAccept,
                                        static_cast<std::uint32_t>(i));
      if (u >= std::pow(std::min(1.0, ratio), ACCEPTANCE_POWER)) {
        verdict.tokens.push_back(correction(v, i));
        return verdict;
      }
      verdict.tokens.push_back(token);
      ++verdict.accepted;
    }
    verdict.tokens.push_back(v.target.back().sample(
        v.random.uniform(v.position + v.draft.size(), RandomRole::kTarget)));
    return verdict;
  }

 private:
  // A token from what the target has and the draft has not.
  static Token correction(const Verification& v, size_t i) {
    std::vector<Distribution::Entry> rest;
    double mass = 0;
    for (const Distribution::Entry& entry : v.target[i].entries()) {
      const double certain = entry.token == v.draft.tokens[i] ? 1 : 0;
      const double q = v.draft.probs.empty()
                           ? certain
                           : v.draft.probs[i].probability(entry.token);
      if (entry.probability <= q) continue;
      rest.push_back({entry.token, entry.probability - q});
      mass += rest.back().probability;
    }
    const double u = v.random.uniform(v.position + i, RandomRole::kRecovered);
    if (rest.empty()) return v.target[i].sample(u);
    for (Distribution::Entry& entry : rest) entry.probability /= mass;
    return Distribution(std::move(rest)).sample(u);
  }
};

}  // namespace

PILOTFISH_EXPORT_ACCEPTOR(Sound)
