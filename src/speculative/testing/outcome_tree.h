#ifndef PILOTFISH_SPECULATIVE_TESTING_OUTCOME_TREE_H_
#define PILOTFISH_SPECULATIVE_TESTING_OUTCOME_TREE_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <vector>

#include "pilotfish/acceptor.h"
#include "pilotfish/distribution.h"
#include "pilotfish/random.h"

namespace pilotfish::test {

// The largest error of an exact rule, and the least of a wrong one.
inline constexpr double kTolerance = 1e-12;
inline constexpr double kErrorCaught = 3e-4;

// Takes the place of KeyedChance and leads a rule, run again and again, through
// every outcome that its decisions can have. `probability()` is that of the
// outcome of the latest run; over all runs they sum to 1. So what a rule yields
// is integrated over its randomness exactly, without sampling.
class OutcomeTree {
 public:
  bool accepts(double probability, std::size_t, std::size_t = 0) const {
    const double p = probability > 0 ? std::min(probability, 1.0) : 0;
    return choose({p, 1 - p}) == 0;
  }

  Token draw(const Distribution& distribution, std::size_t,
             RandomRole = RandomRole::kTarget) const {
    std::vector<double> weights;
    double mass = 0;
    for (const auto& entry : distribution.entries()) mass += entry.probability;
    for (const auto& entry : distribution.entries()) {
      weights.push_back(entry.probability / mass);
    }
    return distribution.entries()[choose(weights)].token;
  }

  double probability() const { return probability_; }

  // Goes to the next outcome; false after the last.
  bool advance() {
    depth_ = 0;
    probability_ = 1;
    while (!path_.empty()) {
      Decision& last = path_.back();
      if (next_possible(last, last.taken + 1)) return true;
      path_.pop_back();
    }
    return false;
  }

 private:
  struct Decision {
    std::vector<double> weights;
    std::size_t taken;
  };

  static bool next_possible(Decision& decision, std::size_t from) {
    while (from < decision.weights.size() && decision.weights[from] <= 0) {
      ++from;
    }
    decision.taken = from;
    return from < decision.weights.size();
  }

  std::size_t choose(std::vector<double> weights) const {
    if (depth_ == path_.size()) {
      path_.push_back({std::move(weights), 0});
      next_possible(path_.back(), 0);
    }
    const Decision& decision = path_[depth_++];
    probability_ *= decision.weights[decision.taken];
    return decision.taken;
  }

  mutable std::vector<Decision> path_;
  mutable std::size_t depth_ = 0;
  mutable double probability_ = 1;
};

using Rule = std::function<Verdict(const Draft&, std::span<const Distribution>,
                                   const OutcomeTree&)>;

// Calls visit(verdict, probability) for every outcome of the rule.
template <typename Visit>
void for_each_outcome(const Rule& rule, const Draft& draft,
                      std::span<const Distribution> target,
                      const Visit& visit) {
  OutcomeTree tree;
  do {
    const Verdict verdict = rule(draft, target, tree);
    visit(verdict, tree.probability());
  } while (tree.advance());
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_OUTCOME_TREE_H_
