#ifndef PILOTFISH_SPECULATIVE_TESTING_TOY_CHAIN_H_
#define PILOTFISH_SPECULATIVE_TESTING_TOY_CHAIN_H_

#include <cmath>
#include <cstddef>
#include <random>
#include <utility>
#include <vector>

#include "pilotfish/distribution.h"

namespace pilotfish::test {

inline Distribution from(const std::vector<double>& weights) {
  double mass = 0;
  for (const double w : weights) mass += w;
  std::vector<Distribution::Entry> entries;
  for (size_t i = 0; i < weights.size(); ++i) {
    entries.push_back({static_cast<Token>(i), weights[i] / mass});
  }
  return Distribution(std::move(entries));
}

// How the target's row and the draft's relate.
enum class Pair {
  kIndependent,
  kZeros,     // zero entries, listed and left out, on either side
  kDisjoint,  // nothing in common
  kEqual,
  kNearlyEqual,  // rounding decides the signs of p - q
  kTies,         // equal probabilities
  kOneHotTarget,
  kOneHotDraft,
  kOneHotBoth,
};
inline constexpr int kPairs = 9;

class RowMaker {
 public:
  RowMaker(size_t vocab, unsigned seed) : vocab_(vocab), random_(seed) {}

  std::pair<Distribution, Distribution> make(Pair pair) {
    switch (pair) {
      case Pair::kIndependent:
        return {from(weights()), from(weights())};
      case Pair::kZeros:
        return {sparse(), from(some_zero())};
      case Pair::kDisjoint: {
        std::vector<double> p = weights();
        std::vector<double> q = weights();
        for (size_t i = 0; i < vocab_; ++i) (i % 2 == 0 ? p : q)[i] = 0;
        return {from(p), from(q)};
      }
      case Pair::kEqual: {
        const Distribution p = from(weights());
        return {p, p};
      }
      case Pair::kNearlyEqual: {
        std::vector<double> p = weights();
        std::vector<double> q = p;
        for (double& x : q) x *= 1 + 4e-16 * (uniform() - 0.5);
        return {from(p), from(q)};
      }
      case Pair::kTies: {
        std::vector<double> p(vocab_, 1);
        std::vector<double> q(vocab_, 1);
        p[pick()] = 2;
        q[pick()] = 2;
        return {from(p), from(q)};
      }
      case Pair::kOneHotTarget:
        return {Distribution::one_hot(static_cast<Token>(pick())),
                from(weights())};
      case Pair::kOneHotDraft:
        return {from(weights()),
                Distribution::one_hot(static_cast<Token>(pick()))};
      case Pair::kOneHotBoth:
        return {Distribution::one_hot(static_cast<Token>(pick())),
                Distribution::one_hot(static_cast<Token>(pick()))};
    }
    return {};
  }

  std::pair<Distribution, Distribution> make_any() {
    return make(static_cast<Pair>(random_() % kPairs));
  }

 private:
  double uniform() {
    return std::uniform_real_distribution<double>(0, 1)(random_);
  }
  size_t pick() { return random_() % vocab_; }
  std::vector<double> weights() {
    std::vector<double> w(vocab_);
    for (double& x : w) x = -std::log(1 - uniform());
    return w;
  }
  std::vector<double> some_zero() {
    std::vector<double> w = weights();
    const size_t kept = pick();
    for (size_t i = 0; i < vocab_; ++i) {
      if (i != kept && uniform() < 0.5) w[i] = 0;
    }
    return w;
  }
  Distribution sparse() {
    std::vector<Distribution::Entry> entries;
    const Distribution all = from(some_zero());
    for (const auto& entry : all.entries()) {
      if (entry.probability > 0) entries.push_back(entry);
    }
    return Distribution(std::move(entries));
  }

  size_t vocab_;
  std::mt19937 random_;
};

// A target and a draft over prefixes: rows for every prefix shorter than
// `length`. A prefix is a number: its tokens as digits.
struct Chain {
  size_t vocab;
  size_t length;
  std::vector<std::vector<Distribution>> p;  // [prefix length][prefix]
  std::vector<std::vector<Distribution>> q;

  template <typename Make>
  Chain(size_t vocab_size, size_t tokens, const Make& make)
      : vocab(vocab_size), length(tokens), p(tokens), q(tokens) {
    size_t prefixes = 1;
    for (size_t i = 0; i < length; ++i, prefixes *= vocab) {
      for (size_t prefix = 0; prefix < prefixes; ++prefix) {
        auto [target, draft] = make();
        p[i].push_back(std::move(target));
        q[i].push_back(std::move(draft));
      }
    }
  }

  size_t extend(size_t prefix, Token token) const {
    return prefix * vocab + static_cast<size_t>(token);
  }

  std::vector<double> target_joint() const {
    std::vector<double> mass = {1};
    for (size_t i = 0; i < length; ++i) {
      std::vector<double> next(mass.size() * vocab);
      for (size_t prefix = 0; prefix < mass.size(); ++prefix) {
        for (const auto& entry : p[i][prefix].entries()) {
          next[extend(prefix, entry.token)] += mass[prefix] * entry.probability;
        }
      }
      mass = std::move(next);
    }
    return mass;
  }
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_TOY_CHAIN_H_
