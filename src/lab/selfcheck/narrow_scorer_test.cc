#include "lab/selfcheck/narrow_scorer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "lab/selfcheck/narrow_pair.h"
#include "pilotfish/error.h"
#include "random_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

class NarrowScorerTest : public testing::Test {
 protected:
  NarrowScorerTest() {
    test::RandomModelOptions model;
    model.vocab_size = 32;
    test::write_random_model(folder_.path() / "model", model);
    LoadOptions load;
    load.threads = make_threads(1);
    model_ = Model::load(folder_.path() / "model", load);
  }

  // The model's own logits for tokens 9, 4 and 30 after all of a text.
  std::vector<float> expected(std::vector<Token> text) {
    TargetRows rows(
        model_, {.n_positions = 16, .max_sequences = 1, .dtype = DType::kF32});
    const std::span<const float> row = rows.after(text);
    return {row[9], row[4], row[30]};
  }

  test::TemporaryFolder folder_;
  std::shared_ptr<Model> model_;
};

std::vector<float> row_of(const ForwardOutput& output, std::int64_t i) {
  const std::span<const float> row = output.logits.row(i);
  return {row.begin(), row.end()};
}

TEST_F(NarrowScorerTest, GivesTheModelsOwnLogitsOfItsTokens) {
  NarrowScorer narrow(model_, DType::kF32, {1, 7}, {9, 4, 30}, 5);
  EXPECT_EQ(narrow.vocab_size(), 3);
  const SequenceId a = narrow.create();
  const SequenceId b = narrow.create();
  Batch batch;
  batch.add(a, std::vector<Token>{0, 2, 1}, 2);
  batch.add(b, std::vector<Token>{2}, 1);
  const ForwardOutput first = narrow.forward(batch);
  ASSERT_EQ(first.logits.rows(), 3);
  EXPECT_EQ(row_of(first, 0), expected({1, 7, 30}));
  EXPECT_EQ(row_of(first, 1), expected({1, 7, 30, 4}));
  EXPECT_EQ(row_of(first, 2), expected({1, 7}));

  // What was computed, forgotten and met again is the same.
  narrow.truncate(a, 1);
  EXPECT_EQ(narrow.length(a), 1);
  batch.clear();
  batch.add(a, std::vector<Token>{0, 0}, 1);
  batch.add(b, std::vector<Token>{2}, 1);
  const ForwardOutput second = narrow.forward(batch);
  EXPECT_EQ(row_of(second, 0), expected({1, 7, 9, 9}));
  EXPECT_EQ(row_of(second, 1), expected({1, 7, 30}));
  narrow.release(a);
  EXPECT_EQ(narrow.length(narrow.create()), 0);
}

TEST_F(NarrowScorerTest, RefusesTrees) {
  NarrowScorer narrow(model_, DType::kF32, {1}, {9, 4, 30}, 5);
  Batch batch;
  batch.add_tree(narrow.create(), std::vector<Token>{0, 1},
                 std::vector<std::int32_t>{-1, -1}, 2);
  EXPECT_THROW(narrow.forward(batch), UsageError);
}

// The first token is drafted with probability 0.9 and accepted with 5/9.
TEST(ShownBy, IsTheNoncentralityOfTheWrongDistribution) {
  const double p[] = {0.5, 0.5, 0};
  const double q[] = {0.9, 0.1, 0};
  const double first = 0.9 * std::pow(5.0 / 9, 1.05);
  const double off = 0.5 - first;
  EXPECT_NEAR(shown_by(p, q), 2 * off * off / 0.5, 1e-15);
  EXPECT_GT(off, 0.01);
  EXPECT_EQ(shown_by(p, p), 0);
}

}  // namespace
}  // namespace pilotfish
