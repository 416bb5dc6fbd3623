#ifndef PILOTFISH_SPECULATIVE_TESTING_TOY_H_
#define PILOTFISH_SPECULATIVE_TESTING_TOY_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "sampling/chi_square.h"
#include "sampling/processors.h"
#include "speculative/drafters/model_drafter.h"
#include "speculative/loop/decode_all.h"
#include "speculative/loop/decoder.h"
#include "speculative/testing/table_scorer.h"

namespace pilotfish::test {

// A text to generate with toy models.
struct Toy {
  Toy(LogitTable target_table, LogitTable draft_table)
      : target(std::move(target_table)), draft(std::move(draft_table)) {}

  LogitTable target;
  LogitTable draft;
  SamplingParams sampling;
  std::vector<Token> prompt = {1, 2};
  std::int64_t max_tokens = 5;
  std::int64_t window = 4;
  std::vector<Token> stop_tokens;
  std::shared_ptr<const TokenRule> rule = nullptr;

  SequenceOptions sequence(std::uint64_t seed) const {
    SequenceOptions options;
    options.prompt = prompt;
    options.max_tokens = max_tokens;
    options.sampling = sampling;
    options.sampling.seed = seed;
    options.stop_tokens = stop_tokens;
    options.rule = rule;
    options.window = window;
    return options;
  }
};

// Proposes the draft's most probable tokens and says so: q is one-hot.
class ArgmaxDrafter final : public Drafter {
 public:
  explicit ArgmaxDrafter(const LogitTable& table) : table_(table) {}

  std::vector<Draft> propose(std::span<const DraftRequest> requests) override {
    std::vector<Draft> drafts;
    for (const DraftRequest& request : requests) {
      TokenHistory history = request.sequence->history();
      Draft& draft = drafts.emplace_back();
      for (std::int64_t i = 0; i < request.length; ++i) {
        const std::span<const float> row = table_.row(history.tokens());
        draft.tokens.push_back(
            static_cast<Token>(std::ranges::max_element(row) - row.begin()));
        history.push(draft.tokens.back());
      }
    }
    return drafts;
  }

 private:
  const LogitTable& table_;
};

// What many runs of a toy generated, or with probabilities for weights, what
// they should: each position's tokens, and whole texts thrown into buckets.
class Tally {
 public:
  Tally(std::int64_t vocab_size, std::int64_t positions)
      : ended_(static_cast<size_t>(vocab_size)),
        at_(static_cast<size_t>(positions),
            std::vector<double>(static_cast<size_t>(vocab_size) + 1)),
        joint_(kBuckets) {}

  void add(std::span<const Token> text, double weight = 1) {
    std::array<std::uint32_t, 4> mixed = {};
    for (size_t i = 0; i < std::max(at_.size(), text.size()); ++i) {
      const size_t token =
          i < text.size() ? static_cast<size_t>(text[i]) : ended_;
      if (i < at_.size()) at_[i][token] += weight;
      mixed[0] ^= static_cast<std::uint32_t>(token);
      mixed = Random::philox(mixed, {1, 2});
    }
    joint_[mixed[0] % kBuckets] += weight;
  }

  // The least probable of all the comparisons, times how many there are.
  double p_value(const Tally& expected) const {
    double least = chi_square(joint_, expected.joint_).p_value();
    for (size_t i = 0; i < at_.size(); ++i) {
      least = std::min(least, chi_square(at_[i], expected.at_[i]).p_value());
    }
    return std::min(1.0, least * static_cast<double>(at_.size() + 1));
  }

  double joint_degrees() const { return kBuckets - 1; }

 private:
  static constexpr size_t kBuckets = 241;

  size_t ended_;  // stands for the tokens after an early end
  std::vector<std::vector<double>> at_;
  std::vector<double> joint_;
};

// What plain sampling from the target yields, by going through every text.
inline Tally expected_tally(const Toy& toy) {
  Tally tally(toy.target.vocab_size(), toy.max_tokens);
  LogitsProcessor processor;
  TokenHistory history(toy.prompt, toy.sampling);
  const auto go_on = [&](const auto& self, double probability) -> void {
    const std::span<const Token> text =
        history.tokens().subspan(static_cast<size_t>(history.prompt_size()));
    const bool stopped =
        !text.empty() && std::ranges::count(toy.stop_tokens, text.back()) > 0;
    if (stopped || std::ssize(text) == toy.max_tokens) {
      tally.add(text, probability);
      return;
    }
    const Distribution p =
        processor.process(toy.target.row(history.tokens()), toy.sampling,
                          history, toy.stop_tokens);
    for (const auto& entry : p.entries()) {
      const HistoryRollback rollback(history);
      history.push(entry.token);
      self(self, probability * entry.probability);
    }
  };
  go_on(go_on, 1);
  return tally;
}

// Runs the real decoder with seeds 0 to trials - 1, many sequences together.
inline Tally decoded_tally(const Toy& toy, std::uint64_t trials, Scorer& target,
                           Drafter& drafter,
                           std::shared_ptr<const TokenAcceptor> acceptor,
                           const DecoderOptions& options = {}) {
  constexpr size_t kTogether = 32;
  SpeculativeDecoder decoder(target, drafter, std::move(acceptor), options);
  Tally tally(toy.target.vocab_size(), toy.max_tokens);
  decode_all(
      decoder, trials, kTogether,
      [&](std::uint64_t seed) { return toy.sequence(seed); },
      [&](const Sequence& sequence) { tally.add(sequence.generated()); });
  return tally;
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_TOY_H_
