// Real models with published text and golden logits.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "kernels/kernels.h"
#include "npy.h"
#include "pilotfish/model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using test::data_path;

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const Kernels* set : available_kernels()) names.emplace_back(set->name);
  return names;
}

class Golden : public testing::TestWithParam<std::string> {
 protected:
  std::shared_ptr<Model> load(const std::string& name,
                              std::optional<DType> dtype = {}) const {
    LoadOptions options;
    options.instruction_set = GetParam();
    options.threads = make_threads(1);
    options.dtype = dtype;
    return Model::load(data_path("models/" + name), options);
  }

  static nlohmann::json expected(const std::string& name) {
    return nlohmann::json::parse(
        test::read_file(data_path("models/" + name + "/expected.json")));
  }

  // The largest difference from every golden file of a model, and whether the
  // best id of each row is the same.
  void compare(const std::string& name, Model& model, DType kv,
               double tolerance, bool same_best) const {
    const nlohmann::json all = expected(name);
    for (const auto& golden : all.at("logits")) {
      const std::string file = golden.at("file");
      const auto matrix =
          test::read_npy(data_path("models/" + name + "/" + file));
      const auto ids = golden.at("ids").get<std::vector<Token>>();
      const auto best = golden.at("argmax").get<std::vector<Token>>();
      KvCache cache = model.make_cache({0, 1, kv});
      Batch batch;
      batch.add(cache.create(), ids, static_cast<std::int64_t>(ids.size()));
      const Logits logits = model.forward(batch, cache).logits;
      ASSERT_EQ(logits.rows(), matrix.rows);
      ASSERT_EQ(logits.vocab_size(), matrix.columns);
      double largest = 0;
      for (std::int64_t i = 0; i < logits.rows(); ++i) {
        const auto row = logits.row(i);
        for (std::int64_t j = 0; j < logits.vocab_size(); ++j) {
          largest = std::max(
              largest, std::abs(row[static_cast<size_t>(j)] - matrix.at(i, j)));
        }
        if (same_best) {
          EXPECT_EQ(std::max_element(row.begin(), row.end()) - row.begin(),
                    best[static_cast<size_t>(i)])
              << file << " row " << i;
        }
      }
      EXPECT_LT(largest, tolerance) << file;
      RecordProperty("largest_difference", std::to_string(largest));
    }
  }
};

TEST_P(Golden, LogitsOfStories260K) {
  SKIP_WITHOUT_DATA("models/stories260K");
  const auto model = load("stories260K");
  compare("stories260K", *model, DType::kF32, 2e-4, true);
  compare("stories260K", *model, DType::kF16, 2e-2, false);
}

TEST_P(Golden, LogitsOfTinyLlamaInBf16) {
  SKIP_WITHOUT_DATA("models/tiny-llama-bf16");
  // As stored, and widened, which loses nothing. Logits are 1.9 in root mean
  // square; activations rounded to bf16 cost them up to 2 %, as forward_test
  // has it.
  const double tolerance = GetParam() == "avx512_bf16" ? 4e-2 : 1e-5;
  compare("tiny-llama-bf16", *load("tiny-llama-bf16"), DType::kF32, tolerance,
          true);
  compare("tiny-llama-bf16", *load("tiny-llama-bf16", DType::kF32), DType::kF32,
          1e-5, true);
}

TEST_P(Golden, GreedyTextOfStories260K) {
  SKIP_WITHOUT_DATA("models/stories260K");
  const auto model = load("stories260K");
  for (const char* key : {"greedy", "greedy_until_bos"}) {
    const auto story = expected("stories260K").at(key);
    const auto ids = story.at("ids").get<std::vector<Token>>();
    KvCache cache = model->make_cache({0, 1, DType::kF32});
    const SequenceId sequence = cache.create();
    std::vector<Token> next = {1};
    std::vector<Token> found;
    while (found.size() < ids.size()) {
      Batch batch;
      batch.add(sequence, next, 1);
      const auto row = model->forward(batch, cache).logits.row(0);
      next = {static_cast<Token>(std::max_element(row.begin(), row.end()) -
                                 row.begin())};
      found.push_back(next.front());
    }
    EXPECT_EQ(found, ids) << key;
  }
}

INSTANTIATE_TEST_SUITE_P(EverySet, Golden,
                         testing::ValuesIn(instruction_sets()),
                         [](const auto& set) { return set.param; });

}  // namespace
}  // namespace pilotfish
