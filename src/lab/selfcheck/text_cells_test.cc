#include "lab/selfcheck/text_cells.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "random_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

constexpr std::int64_t kVocab = 12;

class TextCellsTest : public testing::Test {
 protected:
  TextCellsTest() {
    test::RandomModelOptions model;
    model.vocab_size = kVocab;
    model.n_layers = 1;
    test::write_random_model(folder_.path() / "model", model);
    LoadOptions load;
    load.threads = make_threads(1);
    rows_.emplace(
        Model::load(folder_.path() / "model", load),
        KvCacheOptions{
            .n_positions = 16, .max_sequences = 1, .dtype = DType::kF32});
    recipe_.prompt = {3, 5};
    recipe_.sampling.temperature = 1.2;
    recipe_.stop_tokens = {4};
    recipe_.max_tokens = 3;
  }

  // The softmax of a row, by its definition.
  std::vector<double> after(const std::vector<Token>& text) {
    std::vector<Token> tokens = recipe_.prompt;
    tokens.insert(tokens.end(), text.begin(), text.end());
    std::vector<double> p;
    for (const float x : rows_->after(tokens)) {
      p.push_back(std::exp(x / recipe_.sampling.temperature));
    }
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& x : p) x /= sum;
    return p;
  }

  void for_each_text(
      const std::function<void(const std::vector<Token>&, double)>& function,
      std::vector<Token> text = {}, double probability = 1) {
    if (std::ssize(text) == recipe_.max_tokens ||
        (!text.empty() && text.back() == recipe_.stop_tokens[0])) {
      function(text, probability);
      return;
    }
    const std::vector<double> p = after(text);
    for (Token token = 0; token < kVocab; ++token) {
      text.push_back(token);
      for_each_text(function, text,
                    probability * p[static_cast<size_t>(token)]);
      text.pop_back();
    }
  }

  test::TemporaryFolder folder_;
  std::optional<TargetRows> rows_;
  TextRecipe recipe_;
};

TEST_F(TextCellsTest, ProbabilitiesAreThoseOfAllTexts) {
  for (const double least : {0.3, 0.02, 0.001}) {
    for (const size_t most_rows : {1, 5, 1000}) {
      const TextCells cells(*rows_, recipe_, least, most_rows);
      std::vector<double> expected(cells.probabilities().size());
      size_t texts = 0;
      for_each_text([&](const std::vector<Token>& text, double probability) {
        expected[cells.cell_of(text)] += probability;
        ++texts;
      });
      EXPECT_EQ(texts, size_t{1 + 11 * (1 + 11 * 12)});
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_NEAR(cells.probabilities()[i], expected[i], 1e-12) << i;
      }
      EXPECT_EQ(cells.probabilities()[0], 0);
    }
  }
}

TEST_F(TextCellsTest, FinerWhereThereIsMore) {
  const TextCells coarse(*rows_, recipe_, 0.05, 1000);
  const TextCells fine(*rows_, recipe_, 0.005, 1000);
  EXPECT_GT(coarse.probabilities().size(), 5u);
  EXPECT_GT(fine.probabilities().size(), 2 * coarse.probabilities().size());
  for (size_t i = 2; i < coarse.probabilities().size(); ++i) {
    EXPECT_GE(coarse.probabilities()[i], 0.05);
  }
}

TEST_F(TextCellsTest, WhatCannotBeHasNoProbability) {
  recipe_.sampling.banned_tokens = {7};
  const TextCells cells(*rows_, recipe_, 0.01, 1000);
  const auto cell = [&](const std::vector<Token>& text) {
    return cells.cell_of(text);
  };
  EXPECT_EQ(cell({7, 1, 1}), 0u);
  EXPECT_EQ(cell({1, 1}), 0u);        // too short
  EXPECT_EQ(cell({1, 1, 1, 1}), 0u);  // too long
  EXPECT_EQ(cell({4, 1, 1}), 0u);     // goes on after its end
  EXPECT_NE(cell({4}), 0u);
  EXPECT_NE(cell({1, 1, 1}), 0u);
}

}  // namespace
}  // namespace pilotfish
