#include "lab/selfcheck/probe.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "lab/selfcheck/text_cells.h"

namespace pilotfish {
namespace {

constexpr std::size_t kPlaces = 4;  // looked at after a beginning

// The `count` tokens of the largest values, the largest first and none of
// `ends`.
template <typename Value>
std::vector<Token> largest(std::span<const Value> values,
                           std::span<const Token> ends, std::size_t count) {
  std::vector<Token> tokens(values.size());
  std::iota(tokens.begin(), tokens.end(), 0);
  std::erase_if(
      tokens, [&](Token token) { return std::ranges::count(ends, token) > 0; });
  count = std::min(count, tokens.size());
  std::ranges::partial_sort(
      tokens, tokens.begin() + static_cast<long>(count), std::greater(),
      [&](Token token) { return values[static_cast<std::size_t>(token)]; });
  tokens.resize(count);
  return tokens;
}

double entropy_of(std::span<const double> probabilities) {
  double entropy = 0;
  for (const double p : probabilities) {
    if (p > 0) entropy -= p * std::log(p);
  }
  return entropy;
}

// Calls function(row) along the likeliest text, and returns that.
template <typename Function>
std::vector<Token> follow_likeliest(TargetRows& target,
                                    std::span<const Token> prompt,
                                    std::size_t length,
                                    const Function& function) {
  std::vector<Token> text(prompt.begin(), prompt.end());
  for (std::size_t i = 0; i < length; ++i) {
    const std::span<const float> row = target.after(text);
    function(row);
    text.push_back(
        static_cast<Token>(std::ranges::max_element(row) - row.begin()));
  }
  text.erase(text.begin(), text.begin() + std::ssize(prompt));
  return text;
}

// Pairs of tokens that texts might begin with. Some come from inside prompts,
// where a model may be less sure how to go on than at their beginning.
std::vector<std::vector<Token>> beginnings(
    TargetRows& target, std::span<const std::vector<Token>> prompts,
    std::span<const Token> ends) {
  constexpr std::size_t kSuccessors = 8;
  constexpr std::size_t kPrompts = 4;
  const Token first = prompts.front().front();
  std::vector<std::vector<Token>> pairs;
  for (const Token successor :
       largest(target.after(std::span(&first, 1)), ends, kSuccessors)) {
    pairs.push_back({first, successor});
  }
  for (const auto& prompt : prompts.first(std::min(prompts.size(), kPrompts))) {
    for (const std::size_t at : {prompt.size() / 3, 2 * prompt.size() / 3}) {
      if (at + 1 >= prompt.size()) continue;
      pairs.push_back({prompt[at], prompt[at + 1]});
      if (std::ranges::count(ends, pairs.back()[1]) > 0) pairs.pop_back();
    }
  }
  return pairs;
}

}  // namespace

std::vector<Token> telling_beginning(
    TargetRows& target, std::span<const std::vector<Token>> prompts,
    std::int64_t vocab_size, std::span<const Token> ends, std::int64_t length,
    double least) {
  constexpr std::size_t kRows = 12;
  TextRecipe recipe;
  recipe.sampling.temperature = 1;
  recipe.max_tokens = length;
  std::vector<Token> best = {prompts.front().front()};
  double most = -1;
  for (const auto& beginning : beginnings(target, prompts, ends)) {
    if (std::ranges::any_of(beginning,
                            [&](Token token) { return token >= vocab_size; })) {
      continue;
    }
    recipe.prompt = beginning;
    const double spread =
        entropy_of(TextCells(target, recipe, least, kRows).probabilities());
    if (spread <= most) continue;
    most = spread;
    best = beginning;
  }
  return best;
}

std::vector<Token> likeliest_text(TargetRows& target,
                                  std::span<const Token> prompt,
                                  std::size_t length) {
  return follow_likeliest(target, prompt, length,
                          [](std::span<const float>) {});
}

std::vector<Token> likely_tokens(TargetRows& target,
                                 std::span<const Token> prompt,
                                 std::span<const Token> ends,
                                 std::size_t count) {
  std::vector<double> sum;  // of the logits at several places
  follow_likeliest(target, prompt, kPlaces, [&](std::span<const float> row) {
    sum.resize(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) sum[i] += double{row[i]};
  });
  return largest(std::span<const double>(sum), ends, count);
}

}  // namespace pilotfish
