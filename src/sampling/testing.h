#ifndef PILOTFISH_SAMPLING_TESTING_H_
#define PILOTFISH_SAMPLING_TESTING_H_

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "pilotfish/sampling.h"
#include "pilotfish/token.h"

namespace pilotfish::test {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The definitions, step by step, over plain vectors of probabilities.
class Reference {
 public:
  Reference(std::vector<float> logits, const SamplingParams& params,
            const std::vector<Token>& prompt,
            const std::vector<Token>& generated, std::vector<Token> stop)
      : x_(logits.begin(), logits.end()) {
    for (const auto& [token, bias] : params.logit_bias) {
      // The engine keeps biased and penalised logits as floats.
      at(token) = static_cast<float>(at(token)) + bias;
    }
    penalise(params, prompt, generated);
    if (static_cast<std::int64_t>(generated.size()) < params.min_tokens) {
      for (const Token token : stop) at(token) = -HUGE_VAL;
    }
    if (params.temperature == 0) {
      const auto best = std::max_element(x_.begin(), x_.end());
      p_.assign(x_.size(), 0);
      p_[static_cast<size_t>(best - x_.begin())] = 1;
      return;
    }
    softmax(params.temperature);
    if (params.top_k > 0) keep_top_k(params.top_k);
    if (params.typical_p < 1) keep_typical(params.typical_p);
    if (params.top_p < 1) keep_top_p(params.top_p);
    if (params.min_p > 0) keep_min_p(params.min_p);
  }

  double probability(Token token) const {
    return p_[static_cast<size_t>(token)];
  }
  size_t size() const { return p_.size(); }

 private:
  double& at(Token token) { return x_[static_cast<size_t>(token)]; }

  void penalise(const SamplingParams& params, const std::vector<Token>& prompt,
                const std::vector<Token>& generated) {
    std::vector<std::pair<Token, bool>> all;  // token, generated
    for (const Token token : prompt) all.push_back({token, false});
    for (const Token token : generated) all.push_back({token, true});
    if (params.penalty_window >= 0) {
      while (static_cast<std::int64_t>(all.size()) > params.penalty_window) {
        all.erase(all.begin());
      }
    }
    for (size_t token = 0; token < x_.size(); ++token) {
      int seen = 0;
      int count = 0;
      for (const auto& [other, is_generated] : all) {
        if (other != static_cast<Token>(token)) continue;
        ++seen;
        if (is_generated) ++count;
      }
      if (seen == 0) continue;
      double& x = x_[token];
      x = x > 0 ? x / params.repetition_penalty : x * params.repetition_penalty;
      x -= count * params.frequency_penalty;
      x -= count > 0 ? params.presence_penalty : 0;
      x = static_cast<float>(x);
    }
  }

  void softmax(double temperature) {
    const double most = *std::max_element(x_.begin(), x_.end());
    for (const double x : x_) p_.push_back(std::exp((x - most) / temperature));
    normalise();
  }

  void normalise() {
    const double sum = std::accumulate(p_.begin(), p_.end(), 0.0);
    for (double& p : p_) p /= sum;
  }

  // Ids by `key`, the smallest first; equal ones by id.
  std::vector<size_t> order(const std::vector<double>& key) const {
    std::vector<size_t> ids(p_.size());
    std::iota(ids.begin(), ids.end(), size_t{0});
    std::stable_sort(ids.begin(), ids.end(),
                     [&](size_t a, size_t b) { return key[a] < key[b]; });
    return ids;
  }

  void keep_only(const std::vector<size_t>& ids, size_t count) {
    for (size_t i = count; i < ids.size(); ++i) p_[ids[i]] = 0;
    normalise();
  }

  size_t reaching(const std::vector<size_t>& ids, double mass) const {
    double sum = 0;
    size_t count = 0;
    while (count < ids.size() && sum < mass) sum += p_[ids[count++]];
    return count;
  }

  void keep_top_k(std::int64_t k) {
    std::vector<double> key;
    for (const double x : x_) key.push_back(-x);
    keep_only(order(key), std::min(p_.size(), static_cast<size_t>(k)));
  }

  void keep_top_p(double mass) {
    std::vector<double> key;
    for (const double p : p_) key.push_back(-p);
    const std::vector<size_t> ids = order(key);
    keep_only(ids, reaching(ids, mass));
  }

  void keep_typical(double mass) {
    double entropy = 0;
    for (const double p : p_) entropy -= p > 0 ? p * std::log(p) : 0;
    std::vector<double> key;
    for (const double p : p_) {
      key.push_back(p > 0 ? std::abs(-std::log(p) - entropy) : HUGE_VAL);
    }
    const std::vector<size_t> ids = order(key);
    keep_only(ids, reaching(ids, mass));
  }

  void keep_min_p(double share) {
    const double least = share * *std::max_element(p_.begin(), p_.end());
    for (double& p : p_) p = p < least ? 0 : p;
    normalise();
  }

  std::vector<double> x_;
  std::vector<double> p_;
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_SAMPLING_TESTING_H_
