#include "sampling/processors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include "sampling/constraints.h"
#include "sampling/token_rule.h"

namespace pilotfish {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kBanned = -kInfinity;

bool has_penalty(const SamplingParams& params) {
  return params.repetition_penalty != 1 || params.frequency_penalty != 0 ||
         params.presence_penalty != 0;
}

// However large it is, a penalty bans no token, and allows none that is banned.
float penalised(float logit, const TokenHistory::Occurrences& occurrences,
                const SamplingParams& params) {
  if (!std::isfinite(logit)) return logit;
  double x = logit;
  if (occurrences.seen > 0) {
    x = x > 0 ? x / params.repetition_penalty : x * params.repetition_penalty;
  }
  if (occurrences.generated > 0) {
    x -= params.frequency_penalty * occurrences.generated +
         params.presence_penalty;
  }
  constexpr double kMost = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(x, -kMost, kMost));
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

constexpr std::size_t kWord = 64;  // tokens whose bits are in one

// Copies the logits of the tokens whose bits are set, and bans the others.
void copy_set(std::span<const std::uint64_t> bits, std::span<const float> row,
              std::vector<float>& out) {
  out.resize(row.size());
  for (std::size_t first = 0; first < row.size(); first += kWord) {
    const std::uint64_t word =
        first / kWord < bits.size() ? bits[first / kWord] : 0;
    const std::size_t size = std::min(kWord, row.size() - first);
    const float* const from = row.data() + first;
    float* const to = out.data() + first;
    const auto for_each_bit = [&](std::uint64_t set, const auto& function) {
      for (; set != 0; set &= set - 1) {
        const auto i = static_cast<std::size_t>(std::countr_zero(set));
        if (i < size) function(to[i], from[i]);
      }
    };
    // Most words have few tokens of one kind.
    if (std::popcount(word) < 32) {
      std::fill_n(to, size, kBanned);
      for_each_bit(word, [](float& x, float logit) { x = logit; });
    } else {
      std::copy_n(from, size, to);
      for_each_bit(~word, [](float& x, float) { x = kBanned; });
    }
  }
}

void set_bit(Token token, std::vector<std::uint64_t>& bits) {
  const auto i = static_cast<std::size_t>(token);
  if (i / kWord >= bits.size()) bits.resize(i / kWord + 1);
  bits[i / kWord] |= std::uint64_t{1} << i % kWord;
}

bool is_untruncated(const SamplingParams& params, size_t row_size) {
  return (params.top_k == 0 || static_cast<size_t>(params.top_k) >= row_size) &&
         params.typical_p == 1 && params.top_p == 1 && params.min_p == 0;
}

}  // namespace

Distribution LogitsProcessor::process(std::span<const float> logits,
                                      const SamplingParams& params,
                                      const TokenHistory& history,
                                      std::span<const Token> stop_tokens) {
  assert(!logits.empty());
  if (history.rule() != nullptr && history.rule_state() == nullptr) {
    fault_ = {.is_models = false, .text = "the text has left its constraint"};
    return {};
  }
  scan_.scan(logits);
  if (!scan_.all_finite() && has_fault(logits)) return {};
  const std::span<const float> adjusted =
      adjust(logits, params, history, stop_tokens);
  if (adjusted.data() != logits.data()) scan_.scan(adjusted);
  if (scan_.largest() == kBanned) {
    fault_ = {.is_models = false, .text = no_token_text(params, history)};
    return {};
  }
  if (params.temperature == 0) return one_hot(scan_.argmax());

  std::vector<Entry> entries = spare_entries();
  softmax_.begin(params.temperature);
  if (is_untruncated(params, logits.size()) && scan_.largest() != kInfinity) {
    softmax_.all(entries);
    return Distribution(std::move(entries));
  }
  truncate(params, entries);
  const double mass = total(entries);
  for (Entry& entry : entries) entry.probability /= mass;
  return Distribution(std::move(entries));
}

bool LogitsProcessor::has_fault(std::span<const float> logits) {
  std::string text = logits_fault(logits);
  if (text.empty()) return false;
  fault_ = {.is_models = true, .text = std::move(text)};
  return true;
}

// The first truncation is taken of the row, the others of what it left.
void LogitsProcessor::truncate(const SamplingParams& params,
                               std::vector<Entry>& entries) {
  const auto k = static_cast<size_t>(params.top_k);
  bool typical = params.typical_p < 1;
  bool nucleus = params.top_p < 1;
  const bool reorders = typical || nucleus;
  if (scan_.largest() == kInfinity) {
    entries.clear();
    for (const Token token : scan_.between(kInfinity, kInfinity)) {
      entries.push_back({token, 1});
    }
    if (k > 0 && k < entries.size()) entries.resize(k);
  } else if (k > 0 && k < scan_.row().size()) {
    softmax_.top(k, entries);
  } else if (std::exchange(typical, false)) {
    softmax_.typical(params.typical_p, entries);
  } else if (std::exchange(nucleus, false)) {
    softmax_.nucleus(params.top_p, entries);
  } else {
    softmax_.above(params.min_p, entries);
  }
  if (typical) keep_typical(entries, params.typical_p, typical_);
  if (nucleus) keep_nucleus(entries, params.top_p);
  if (params.min_p > 0) keep_above(entries, params.min_p);
  if (reorders) {
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.token < b.token; });
  }
}

Distribution LogitsProcessor::one_hot(Token token) {
  std::vector<Entry> entries = spare_entries();
  entries.assign(1, {token, 1.0});
  return Distribution(std::move(entries));
}

std::vector<Entry> LogitsProcessor::spare_entries() {
  if (spare_.empty()) return {};
  std::vector<Entry> entries = std::move(spare_.back());
  spare_.pop_back();
  // Reserves what another one has needed, so that this one need not grow to it.
  entries.reserve(most_entries_);
  return entries;
}

double LogitsProcessor::share_of_largest() const {
  return std::isfinite(scan_.largest()) ? 1 / scan_.approximate_mass(1) : 1;
}

void LogitsProcessor::recycle(Distribution&& distribution) {
  spare_.push_back(std::move(distribution).take_entries());
  most_entries_ = std::max(most_entries_, spare_.back().capacity());
}

std::span<const float> LogitsProcessor::adjust(
    std::span<const float> logits, const SamplingParams& params,
    const TokenHistory& history, std::span<const Token> stop_tokens) {
  const bool too_early = history.generated_size() < params.min_tokens;
  const bool bans = too_early && !stop_tokens.empty();
  const bool penalises = has_penalty(params);
  const bool constrained = is_constrained(params);
  const bool ruled = history.rule() != nullptr;
  if (!ruled && !bans && !penalises && !constrained &&
      params.logit_bias.empty()) {
    return logits;
  }

  if (ruled) {
    keep_to_rule(logits, history, stop_tokens);
  } else {
    adjusted_.assign(logits.begin(), logits.end());
  }
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
  return adjusted_;
}

void LogitsProcessor::keep_to_rule(std::span<const float> logits,
                                   const TokenHistory& history,
                                   std::span<const Token> stop_tokens) {
  const TokenRule& rule = *history.rule();
  const TokenRule::State state = history.rule_state();
  if (!rule.allow(state, by_rule_)) {
    by_rule_.clear();
  } else if (rule.may_end(state)) {
    for (const Token token : stop_tokens) set_bit(token, by_rule_);
  }
  copy_set(by_rule_, logits, adjusted_);
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

std::string LogitsProcessor::no_token_text(const SamplingParams& params,
                                           const TokenHistory& history) const {
  std::string names = constraint_names(params);
  if (history.rule() != nullptr) {
    const bool by_itself = std::ranges::all_of(
        by_rule_, [](std::uint64_t word) { return word == 0; });
    if (by_itself) {
      return fmt::format("the constraint: {}",
                         history.rule()->fault(history.rule_state()));
    }
    names += names.empty() ? "the constraint" : " and the constraint";
  }
  return fmt::format("no token can come next with {}", names);
}

}  // namespace pilotfish
