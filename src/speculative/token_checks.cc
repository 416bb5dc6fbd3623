#include "speculative/token_checks.h"

#include <fmt/format.h>

#include <map>
#include <variant>
#include <vector>

#include "pilotfish/error.h"
#include "pilotfish/sampling.h"
#include "sampling/constraints.h"

namespace pilotfish {
namespace {

// Checks the tokens in sampling parameters of every type.
class SamplingCheck {
 public:
  SamplingCheck(std::string_view name, std::int64_t vocab_size)
      : name_(name), vocab_size_(vocab_size) {}

  void operator()(const std::vector<Token>& tokens) const {
    check_tokens(name_, tokens, vocab_size_);
  }
  void operator()(const std::vector<std::vector<Token>>& words) const {
    for (const std::vector<Token>& word : words) (*this)(word);
  }
  void operator()(const std::map<Token, float>& biases) const {
    for (const auto& [token, bias] : biases) {
      check_tokens(name_, {&token, 1}, vocab_size_);
    }
  }
  void operator()(auto) const {}  // a number

 private:
  std::string_view name_;
  std::int64_t vocab_size_;
};

}  // namespace

void check_tokens(std::string_view what, std::span<const Token> tokens,
                  std::int64_t vocab_size) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= 0 && tokens[i] < vocab_size) continue;
    throw UsageError(fmt::format(
        "{}: token {} at index {} is outside the model's vocabulary of {}",
        what, tokens[i], i, vocab_size));
  }
}

void check_fits(const Sequence& sequence, std::int64_t vocab_size,
                std::int64_t n_positions) {
  if (sequence.size() - (sequence.finished() ? 1 : 0) >= n_positions) {
    throw UsageError(fmt::format(
        "prompt: {} tokens leave no room for another; n_positions is {}",
        sequence.size(), n_positions));
  }
  check_tokens("prompt", sequence.tokens(), vocab_size);
  check_tokens("stop ids", sequence.stop_tokens(), vocab_size);
  check_tokens("prediction", sequence.prediction(), vocab_size);
  for (const SamplingField& field : kSamplingFields) {
    const SamplingCheck check(field.name, vocab_size);
    std::visit([&](auto member) { check(sequence.sampling().*member); },
               field.member);
  }
  check_leaves_tokens(sequence.sampling(), sequence.stop_tokens(), vocab_size);
}

}  // namespace pilotfish
