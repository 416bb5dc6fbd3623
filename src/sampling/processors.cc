#include "sampling/processors.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <limits>

namespace pilotfish {
namespace {

using Entry = Distribution::Entry;  // probabilities not normalised in here

// Less is as good as nothing; above it, no division comes near the denormals.
constexpr double kLeastWeight = 1e-290;
constexpr float kBanned = -std::numeric_limits<float>::infinity();

// Several running maxima, so that the compiler may use vector registers. A NaN
// never replaces one.
float largest_of(std::span<const float> row) {
  constexpr size_t kLanes = 16;
  std::array<float, kLanes> most;
  most.fill(kBanned);
  size_t i = 0;
  for (; i + kLanes <= row.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float x = row[i + lane];
      most[lane] = x > most[lane] ? x : most[lane];
    }
  }
  for (; i < row.size(); ++i) most[0] = row[i] > most[0] ? row[i] : most[0];
  return *std::max_element(most.begin(), most.end());
}

bool has_nan(std::span<const float> row) {
  int found = 0;
  for (const float x : row) found |= x != x;
  return found != 0;
}

bool has_penalty(const SamplingParams& params) {
  return params.repetition_penalty != 1 || params.frequency_penalty != 0 ||
         params.presence_penalty != 0;
}

float penalised(float logit, const TokenHistory::Occurrences& occurrences,
                const SamplingParams& params) {
  double x = logit;
  if (occurrences.seen > 0) {
    x = x > 0 ? x / params.repetition_penalty : x * params.repetition_penalty;
  }
  if (occurrences.generated > 0) {
    x -= params.frequency_penalty * occurrences.generated +
         params.presence_penalty;
  }
  return static_cast<float>(x);
}

bool is_constrained(const SamplingParams& params) {
  return !params.allowed_tokens.empty() || !params.banned_tokens.empty() ||
         !params.bad_words.empty();
}

// All of the word but its last token are the history's last tokens.
bool completes(std::span<const Token> history, const std::vector<Token>& word) {
  const size_t before = word.size() - 1;
  return history.size() >= before &&
         std::equal(word.begin(), word.end() - 1, history.end() - before);
}

// What a row yields in which nothing is left.
Token hopeless_token(const SamplingParams& params, size_t row_size) {
  Token first = 0;
  bool found = false;
  for (const Token token : params.allowed_tokens) {
    if (static_cast<size_t>(token) >= row_size || (found && token > first)) {
      continue;
    }
    first = token;
    found = true;
  }
  return first;
}

// The k largest, in no order. Requires: 0 < k < row.size(), no NaN.
void select_top(std::span<const float> row, size_t k, std::vector<Token>& top) {
  const auto better = [row](Token a, Token b) {
    const float x = row[static_cast<size_t>(a)];
    const float y = row[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  };
  top.clear();
  for (size_t i = 0; i < k; ++i) top.push_back(static_cast<Token>(i));
  std::make_heap(top.begin(), top.end(), better);  // the worst in front
  for (size_t i = k; i < row.size(); ++i) {
    const Token token = static_cast<Token>(i);
    if (!better(token, top.front())) continue;
    std::pop_heap(top.begin(), top.end(), better);
    top.back() = token;
    std::push_heap(top.begin(), top.end(), better);
  }
}

double total(const std::vector<Entry>& entries) {
  double sum = 0;
  for (const Entry& entry : entries) sum += entry.probability;
  return sum;
}

// Keeps the fewest items, in the order of `better`, that reach the mass
// `goal`. A heap, since they are mostly few.
template <typename Item, typename Better>
void keep_share(std::vector<Item>& items, double goal, Better better) {
  const auto worse = [&](const Item& a, const Item& b) { return better(b, a); };
  std::make_heap(items.begin(), items.end(), worse);
  auto rest = items.end();
  for (double kept = 0; rest != items.begin() && kept < goal;) {
    std::pop_heap(items.begin(), rest, worse);
    --rest;
    kept += rest->probability;
  }
  items.erase(items.begin(), rest);
}

void keep_nucleus(std::vector<Entry>& entries, double top_p) {
  keep_share(entries, top_p * total(entries),
             [](const Entry& a, const Entry& b) {
               return a.probability > b.probability ||
                      (a.probability == b.probability && a.token < b.token);
             });
}

// The most typical tokens first: those whose surprise is nearest to the
// entropy.
void keep_typical(std::vector<Entry>& entries, double typical_p) {
  struct Ranked : Entry {
    double distance;
  };
  const double mass = total(entries);
  double entropy = 0;
  for (const Entry& entry : entries) {
    const double p = entry.probability / mass;
    entropy -= p * std::log(p);
  }
  std::vector<Ranked> ranked;
  ranked.reserve(entries.size());
  for (const Entry& entry : entries) {
    const double surprise = -std::log(entry.probability / mass);
    ranked.push_back({entry, std::abs(surprise - entropy)});
  }
  keep_share(ranked, typical_p * mass, [](const Ranked& a, const Ranked& b) {
    return a.distance < b.distance ||
           (a.distance == b.distance && a.token < b.token);
  });
  entries.assign(ranked.begin(), ranked.end());
}

void keep_above(std::vector<Entry>& entries, double share_of_largest) {
  double largest = 0;
  for (const Entry& entry : entries) {
    largest = std::max(largest, entry.probability);
  }
  std::erase_if(entries, [least = share_of_largest * largest](const Entry& e) {
    return e.probability < least;
  });
}

}  // namespace

Distribution LogitsProcessor::process(std::span<const float> logits,
                                      const SamplingParams& params,
                                      const TokenHistory& history,
                                      std::span<const Token> stop_tokens) {
  assert(!logits.empty());
  const std::span<const float> row =
      adjust(logits, params, history, stop_tokens);
  const float largest = largest_of(row);
  if (params.temperature == 0 || largest == kBanned) {
    if (largest == kBanned) {
      return Distribution::one_hot(hopeless_token(params, row.size()));
    }
    const auto at = std::find(row.begin(), row.end(), largest);
    return Distribution::one_hot(static_cast<Token>(at - row.begin()));
  }

  std::vector<Entry> entries;
  const auto weigh = [&](Token token) {
    const float x = row[static_cast<size_t>(token)];
    // The largest by itself, since infinity - infinity is not 0.
    const double weight =
        x == largest
            ? 1
            : std::exp((double{x} - double{largest}) / params.temperature);
    if (weight >= kLeastWeight) entries.push_back({token, weight});
  };
  const auto k = static_cast<size_t>(params.top_k);
  if (k > 0 && k < row.size()) {
    select_top(row, k, top_);
    std::sort(top_.begin(), top_.end());
    entries.reserve(k);
    for (const Token token : top_) weigh(token);
  } else {
    entries.reserve(row.size());
    for (size_t i = 0; i < row.size(); ++i) weigh(static_cast<Token>(i));
  }

  if (params.typical_p < 1) keep_typical(entries, params.typical_p);
  if (params.top_p < 1) keep_nucleus(entries, params.top_p);
  if (params.min_p > 0) keep_above(entries, params.min_p);
  if (params.typical_p < 1 || params.top_p < 1) {
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.token < b.token; });
  }
  const double mass = total(entries);
  for (Entry& entry : entries) entry.probability /= mass;
  return Distribution(std::move(entries));
}

std::span<const float> LogitsProcessor::adjust(
    std::span<const float> logits, const SamplingParams& params,
    const TokenHistory& history, std::span<const Token> stop_tokens) {
  const bool too_early = history.generated_size() < params.min_tokens;
  const bool bans = too_early && !stop_tokens.empty();
  const bool penalises = has_penalty(params);
  const bool nan = has_nan(logits);
  const bool constrained = is_constrained(params);
  if (!bans && !penalises && !nan && !constrained &&
      params.logit_bias.empty()) {
    return logits;
  }

  adjusted_.assign(logits.begin(), logits.end());
  if (constrained) constrain(params, history);
  const auto in_row = [&](Token token) {
    return token >= 0 && static_cast<size_t>(token) < adjusted_.size();
  };
  for (const auto& [token, bias] : params.logit_bias) {
    if (in_row(token)) adjusted_[static_cast<size_t>(token)] += bias;
  }
  if (penalises) {
    for (const auto& [token, occurrences] : history.occurrences()) {
      if (!in_row(token)) continue;
      float& logit = adjusted_[static_cast<size_t>(token)];
      logit = penalised(logit, occurrences, params);
    }
  }
  if (bans) {
    for (const Token token : stop_tokens) {
      if (in_row(token)) adjusted_[static_cast<size_t>(token)] = kBanned;
    }
  }
  // Also those that +infinity with a bias of -infinity makes.
  for (float& logit : adjusted_) {
    if (std::isnan(logit)) logit = kBanned;
  }
  return adjusted_;
}

void LogitsProcessor::constrain(const SamplingParams& params,
                                const TokenHistory& history) {
  const auto in_row = [&](Token token) {
    return static_cast<size_t>(token) < adjusted_.size();
  };
  if (!params.allowed_tokens.empty()) {
    allowed_.assign(adjusted_.size(), kBanned);
    for (const Token token : params.allowed_tokens) {
      if (!in_row(token)) continue;
      const auto i = static_cast<size_t>(token);
      allowed_[i] = adjusted_[i];
    }
    adjusted_.swap(allowed_);
  }
  const auto ban = [&](Token token) {
    if (in_row(token)) adjusted_[static_cast<size_t>(token)] = kBanned;
  };
  for (const Token token : params.banned_tokens) ban(token);
  for (const std::vector<Token>& word : params.bad_words) {
    if (completes(history.tokens(), word)) ban(word.back());
  }
}

}  // namespace pilotfish
