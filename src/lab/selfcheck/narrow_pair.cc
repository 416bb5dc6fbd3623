#include "lab/selfcheck/narrow_pair.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "speculative/drafters/model_drafter.h"

namespace pilotfish {
namespace {

// 5^0 + ... + 5^3 rows of each model hold all that texts of four tokens need.
constexpr std::size_t kTokens = 5;
// Enough texts are sampled that a cell of this probability is well filled; more
// and smaller cells would spread a small difference too thin.
constexpr double kLeastCell = 0.02;
constexpr std::size_t kEnoughRows = 1000;
constexpr std::int64_t kFirstTexts = 4096;

// What is tried to make mistakes show. At temperature 1 a q from before the
// temperature would be right.
constexpr double kTemperatures[] = {0.6, 1.5, 3, 6, 12, 24};
constexpr double kNoises[] = {2, 4};  // of logits over the temperature
constexpr std::uint64_t kNoiseSeeds = 8;

std::vector<double> softmax(std::span<const float> logits,
                            std::span<const float> noise, double temperature) {
  std::vector<double> p;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    p.push_back((double{logits[i]} + (noise.empty() ? 0.0 : double{noise[i]})) /
                temperature);
  }
  const double most = *std::ranges::max_element(p);
  double sum = 0;
  for (double& x : p) sum += x = std::exp(x - most);
  for (double& x : p) x /= sum;
  return p;
}

// Tokens that both models have.
std::vector<Token> shared(const SelfcheckPair& models,
                          std::span<const Token> likely) {
  std::vector<Token> tokens;
  for (const Token token : likely) {
    const bool known =
        !models.draft || token < models.draft->config().vocab_size;
    if (known && tokens.size() < kTokens) tokens.push_back(token);
  }
  return tokens;
}

std::vector<Token> copied(std::span<const Token> tokens) {
  return {tokens.begin(), tokens.end()};
}

}  // namespace

double shown_by(std::span<const double> p, std::span<const double> q) {
  constexpr double kMistake = 1.05;
  constexpr double kRare = 0.005;  // too rare to be looked at
  double accepted = 0;
  double missing = 0;
  std::vector<double> wrong;  // its distribution
  for (std::size_t i = 0; i < p.size(); ++i) {
    wrong.push_back(
        q[i] > 0 ? q[i] * std::pow(std::min(1.0, p[i] / q[i]), kMistake) : 0.0);
    accepted += wrong.back();
    missing += std::max(0.0, p[i] - q[i]);
  }
  if (missing <= 0) return 0;
  double shown = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    wrong[i] += (1 - accepted) * std::max(0.0, p[i] - q[i]) / missing;
    if (p[i] >= kRare) shown += (wrong[i] - p[i]) * (wrong[i] - p[i]) / p[i];
  }
  return shown;
}

NarrowPair::NarrowPair(const SelfcheckPair& models, DType kv_dtype,
                       std::span<const Token> beginning,
                       std::span<const Token> likely, std::int64_t length)
    : tokens_(shared(models, likely)),
      target_(models.target, kv_dtype, copied(beginning), tokens_, length + 1),
      draft_(models.draft ? std::make_unique<NarrowScorer>(
                                models.draft, kv_dtype, copied(beginning),
                                tokens_, length + 1)
                          : nullptr),
      rows_(target_),
      recipe_{.prompt = {0},
              .sampling = {},
              .stop_tokens = {},
              .max_tokens = length} {
  choose_sampling();
  cells_ = std::make_unique<TextCells>(rows_, recipe_, kLeastCell, kEnoughRows);
}

// Looks at the first token that is drafted, after each that can come before.
void NarrowPair::choose_sampling() {
  Scorer& draft = draft_ ? *draft_ : static_cast<Scorer&>(target_);
  TargetRows draft_rows(draft);
  const auto row = [](TargetRows& rows, std::vector<Token> text) {
    const std::span<const float> logits = rows.after(text);
    return std::vector<float>(logits.begin(), logits.end());
  };
  const std::vector<float> first = row(rows_, {0});
  std::vector<std::vector<float>> target_rows;
  std::vector<std::vector<float>> drafted_rows;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    target_rows.push_back(row(rows_, {0, static_cast<Token>(i)}));
    drafted_rows.push_back(row(draft_rows, {0, static_cast<Token>(i)}));
  }
  recipe_.sampling.temperature = kTemperatures[0];
  noisy_draft_ = std::make_unique<NoisyScorer>(
      draft, static_cast<float>(kNoises[0] * kTemperatures[0]));
  double most = 0;
  for (const double temperature : kTemperatures) {
    const std::vector<double> before = softmax(first, {}, temperature);
    for (const double size : kNoises) {
      for (std::uint64_t seed = 0; seed < kNoiseSeeds; ++seed) {
        auto noisy = std::make_unique<NoisyScorer>(
            draft, static_cast<float>(size * temperature), seed);
        double shown = 0;
        for (std::size_t i = 0; i < before.size(); ++i) {
          shown +=
              before[i] *
              shown_by(softmax(target_rows[i], {}, temperature),
                       softmax(drafted_rows[i], noisy->noise(), temperature));
        }
        if (!(shown > most)) continue;
        most = shown;
        recipe_.sampling.temperature = temperature;
        noisy_draft_ = std::move(noisy);
      }
    }
  }
}

std::string NarrowPair::settings() const {
  return fmt::format("{} tokens, temperature {}", tokens_.size(),
                     recipe_.sampling.temperature);
}

void NarrowPair::add_texts(const SampledRun& run, std::int64_t texts,
                           std::uint64_t first_seed, TextCounts& counts) {
  std::unique_ptr<Drafter> drafter =
      std::make_unique<ModelDrafter>(*noisy_draft_, target_.vocab_size());
  if (run.wrap) drafter = run.wrap(std::move(drafter));
  pilotfish::add_texts(target_, *drafter, recipe_, *cells_, run, texts,
                       first_seed, counts);
}

DistributionResult NarrowPair::test(const SampledRun& run, std::int64_t texts,
                                    std::uint64_t first_seed) {
  TextCounts counts;
  add_texts(run, texts, first_seed, counts);
  return counts.tested(*cells_);
}

DistributionResult NarrowPair::test_until(const SampledRun& run, double level,
                                          std::int64_t most,
                                          std::uint64_t first_seed) {
  TextCounts counts;
  std::int64_t wanted = std::min(kFirstTexts, most);
  while (true) {
    add_texts(run, wanted - counts.texts(),
              first_seed + static_cast<std::uint64_t>(counts.texts()), counts);
    const DistributionResult result = counts.tested(*cells_);
    if (result.p_value <= level || wanted == most) return result;
    wanted = std::min(2 * wanted, most);
  }
}

}  // namespace pilotfish
