#include "pilotfish/inspect.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "damage.h"
#include "pilotfish/error.h"
#include "pilotfish/model.h"
#include "random_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

TEST(InspectModel, AddsUpWhatTheFileHolds) {
  const test::TemporaryFolder folder;
  const test::RandomModelOptions options = {.architecture = "qwen3",
                                            .dtype = DType::kBF16};
  test::write_random_model(folder.path() / "hf", options);
  test::write_random_gguf(folder.path() / "model.gguf", options);

  const ModelDescription hf = inspect_model(folder.path() / "hf");
  EXPECT_EQ(hf.format, "Hugging Face");
  EXPECT_EQ(hf.config.architecture, "qwen3");
  EXPECT_EQ(hf.tensors.size(), 3u + 2 * 11);
  ASSERT_EQ(hf.totals.size(), 1u);
  EXPECT_EQ(hf.totals[0].dtype, DType::kBF16);
  EXPECT_EQ(hf.totals[0].elements, hf.parameters);
  EXPECT_EQ(hf.weight_bytes, 2 * hf.parameters);

  const ModelDescription gguf = inspect_model(folder.path() / "model.gguf");
  EXPECT_EQ(gguf.format, "GGUF");
  EXPECT_EQ(gguf.parameters, hf.parameters);
  ASSERT_EQ(gguf.totals.size(), 2u);
  EXPECT_EQ(gguf.totals[0].dtype, DType::kBF16);
  EXPECT_EQ(gguf.totals[1].dtype, DType::kF32);
  EXPECT_EQ(gguf.totals[0].elements + gguf.totals[1].elements, hf.parameters);
  EXPECT_EQ(gguf.totals[0].tensors + gguf.totals[1].tensors, 25);
}

TEST(InspectModel, KnowsRealModels) {
  SKIP_WITHOUT_DATA("models/stories260K");
  const auto stories = inspect_model(test::data_path("models/stories260K"));
  EXPECT_EQ(stories.parameters, 260032);
  EXPECT_EQ(stories.weight_bytes, 4 * 260032);
}

TEST(CheckWeights, NamesEachTensorWithNanOrInfinity) {
  const test::TemporaryFolder folder;
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    const auto path = folder.path() / dtype_name(dtype);
    test::write_random_model(path, {.dtype = dtype});
    double done = 0;
    EXPECT_TRUE(check_weights(path, [&](double fraction) {
                  EXPECT_GE(fraction, done);
                  done = fraction;
                }).empty());
    EXPECT_EQ(done, 1);
    test::damage(path / "model.safetensors",
                 "model.layers.1.mlp.up_proj.weight", 64 * 7 + 5);
    test::damage(path / "model.safetensors",
                 "model.layers.1.mlp.up_proj.weight", 64 * 95 + 63);
    test::damage(path / "model.safetensors", "model.norm.weight", 3);
    const auto faults = check_weights(path);
    ASSERT_EQ(faults.size(), 2u);
    EXPECT_EQ(tensor_fault_text(faults[0]),
              "model.layers.1.mlp.up_proj.weight has 2 of 6144 values that are "
              "NaN or infinite, the first at [7, 5]: nan");
    EXPECT_EQ(tensor_fault_text(faults[1]),
              "model.norm.weight has 1 of 64 values that are NaN or infinite, "
              "the first at [3]: nan");
  }
}

// A scale that is no number makes all of its block no numbers.
TEST(CheckWeights, ReadsBlocksOfEveryType) {
  const test::TemporaryFolder folder;
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_0}) {
    const auto path =
        folder.path() / (std::string(dtype_name(dtype)) + ".gguf");
    test::write_random_gguf(path, {.dtype = dtype});
    EXPECT_TRUE(check_weights(path).empty());
    test::damage(path, "blk.0.attn_q.weight", 64 * 2 + 32);
    const auto faults = check_weights(path);
    ASSERT_EQ(faults.size(), 1u);
    EXPECT_EQ(faults[0].name, "blk.0.attn_q.weight");
    EXPECT_EQ(faults[0].count, 32);
    EXPECT_EQ(faults[0].first, (std::vector<std::int64_t>{2, 32}));
  }
}

TEST(MemoryNeeded, CountsWeightsCacheAndScratch) {
  ModelConfig config;
  config.vocab_size = 1000;
  config.hidden_size = 64;
  config.n_positions = 100;
  LayerConfig layer;
  layer.ffn = DenseFfn{.intermediate_size = 128};
  layer.attention.n_heads = 4;
  layer.attention.n_kv_heads = 2;
  layer.attention.head_dim = 16;
  layer.attention.rope.rotary_dim = 16;
  config.set_layers(3, layer);
  const MemoryEstimate one = memory_needed(config, 12345, 64, 1, DType::kF16);
  EXPECT_EQ(one.weights, 12345);
  EXPECT_EQ(one.kv_cache, 64 * 3 * 2 * 2 * 16 * 2);
  const MemoryEstimate two = memory_needed(config, 12345, 64, 2, DType::kF16);
  EXPECT_EQ(two.kv_cache, 2 * one.kv_cache);
  EXPECT_EQ(two.scratch, one.scratch + 1000 * 4);
  EXPECT_EQ(two.total(), two.weights + two.kv_cache + two.scratch);
  EXPECT_EQ(memory_needed(config, 0, 0, 1, DType::kF32).kv_cache,
            128 * 3 * 2 * 2 * 16 * 4);
  EXPECT_THROW(memory_needed(config, 0, -1, 1, DType::kF32), UsageError);
}

}  // namespace
}  // namespace pilotfish
