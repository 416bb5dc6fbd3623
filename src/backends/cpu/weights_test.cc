#include "backends/cpu/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "kernels/packed_matrix.h"
#include "model/config.h"
#include "model/tensor_names.h"
#include "pilotfish/error.h"
#include "pilotfish/model.h"
#include "random_model.h"
#include "tensor/quantise.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using testing::HasSubstr;

std::string error_of(const std::filesystem::path& path,
                     const LoadOptions& options = {}) {
  try {
    Model::load(path, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "(nothing thrown)";
}

class WeightsTest : public testing::Test {
 protected:
  // Writes a model whose config.json differs from what its tensors are.
  void write(const test::RandomModelOptions& options,
             const nlohmann::json& changes = nlohmann::json::object()) {
    test::write_random_model(folder_.path(), options);
    nlohmann::json config = test::random_model_config(options);
    config.update(changes);
    std::ofstream(folder_.path() / "config.json") << config.dump();
  }

  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  test::TemporaryFolder folder_;
};

TEST_F(WeightsTest, StayWhereTheyLie) {
  write({.dtype = DType::kBF16});
  const auto checkpoint = Checkpoint::open(path());
  const ModelConfig config = read_config(*checkpoint);
  ThreadTeam team(1);
  const Weights weights(checkpoint, config, Shard(config, 0, 1), {}, team);
  const TensorView& query =
      *checkpoint->find("model.layers.1.self_attn.q_proj.weight");
  EXPECT_EQ(weights.layers()[1].query.weights.data, query.data);
  EXPECT_EQ(weights.layers()[1].query.weights.dtype, DType::kBF16);
  EXPECT_EQ(weights.layers()[1].query.bias, nullptr);
  // Five norms of 64, as floats.
  EXPECT_EQ(weights.resident_bytes(), 5 * 64 * 4);
  EXPECT_EQ(weights.bytes(),
            2 * (config.parameters() - 5 * 64) + weights.resident_bytes());
}

TEST_F(WeightsTest, AreConvertedWholeAndReportProgress) {
  write({.vocab_size = 1000, .dtype = DType::kBF16});
  const auto checkpoint = Checkpoint::open(path());
  const ModelConfig config = read_config(*checkpoint);
  for (const DType dtype :
       {DType::kF32, DType::kF16, DType::kQ8_0, DType::kQ4_0}) {
    std::vector<double> fractions;
    const WeightOptions options = {
        .dtype = dtype,
        .progress = [&](double fraction) { fractions.push_back(fraction); }};
    ThreadTeam team(2);
    const Weights weights(checkpoint, config, Shard(config, 0, 1), options,
                          team);
    EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end()));
    EXPECT_EQ(fractions.back(), 1);
    EXPECT_EQ(weights.bytes(), weights.resident_bytes());
    const TensorView& source = *checkpoint->find("lm_head.weight");
    std::vector<float> values(1000 * 64);
    dequantise_row(source.dtype, source.data, values.data(), 1000 * 64);
    std::vector<std::byte> expected(
        static_cast<size_t>(row_bytes(dtype, 1000 * 64)));
    quantise_row(dtype, values.data(), expected.data(), 1000 * 64);
    EXPECT_EQ(weights.output().dtype, dtype);
    EXPECT_EQ(
        std::memcmp(weights.output().data, expected.data(), expected.size()),
        0);
  }
  // Nothing to do for the dtype they have.
  ThreadTeam team(1);
  const Weights same(checkpoint, config, Shard(config, 0, 1),
                     {.dtype = DType::kBF16}, team);
  EXPECT_EQ(same.resident_bytes(), 5 * 64 * 4);
}

// The reference of every row, whatever the layout.
void expect_rows(const WeightMatrix& weights, DType dtype,
                 const TensorView& source) {
  std::vector<float> values(static_cast<size_t>(weights.columns));
  std::vector<float> found(values.size());
  std::vector<std::byte> row(
      static_cast<size_t>(row_bytes(dtype, weights.columns)));
  for (std::int64_t n = 0; n < weights.rows; ++n) {
    dequantise_row(source.dtype,
                   source.data + n * row_bytes(source.dtype, weights.columns),
                   values.data(), weights.columns);
    quantise_row(dtype, values.data(), row.data(), weights.columns);
    dequantise_row(dtype, row.data(), values.data(), weights.columns);
    dequantise_weights(kernels_named("scalar"), weights, n, found.data());
    ASSERT_EQ(found, values) << "row " << n;
  }
}

TEST_F(WeightsTest, ArePackedForProducts) {
  for (const bool tied : {false, true}) {
    write({.tied_embeddings = tied, .dtype = DType::kBF16});
    const auto checkpoint = Checkpoint::open(path());
    const ModelConfig config = read_config(*checkpoint);
    ThreadTeam team(3);
    for (const DType dtype : {DType::kQ8_0, DType::kQ4_0, DType::kBF16}) {
      const Weights weights(checkpoint, config, Shard(config, 0, 1),
                            {.dtype = dtype, .packs_bf16 = true}, team);
      EXPECT_TRUE(weights.output().packed);
      EXPECT_EQ(weights.embedding().packed, tied);
      EXPECT_EQ(weights.embedding().data == weights.output().data, tied);
      const auto& down = weights.layers()[1].down.weights;
      EXPECT_TRUE(down.packed);
      expect_rows(down, dtype,
                  *checkpoint->find("model.layers.1.mlp.down_proj.weight"));
      expect_rows(weights.embedding(), dtype,
                  *checkpoint->find("model.embed_tokens.weight"));
      EXPECT_EQ(weights.bytes(),
                row_bytes(dtype, config.parameters() - 5 * 64) + 5 * 64 * 4);
      // Only what is looked up and has the dtype that is asked for stays.
      const bool stays = !tied && dtype == DType::kBF16;
      EXPECT_EQ(weights.bytes() - weights.resident_bytes(),
                stays ? row_bytes(dtype, config.vocab_size * 64) : 0);
    }
  }
}

TEST_F(WeightsTest, OfTiedEmbeddingsCountOnce) {
  write({.tied_embeddings = true});
  const auto model = Model::load(path(), {.threads = make_threads(1)});
  EXPECT_EQ(model->weight_bytes(), 4 * model->config().parameters());
  EXPECT_EQ(model->path(), path());
}

TEST_F(WeightsTest, SayWhatIsMissingOrMisshapen) {
  write({}, {{"num_hidden_layers", 3}});
  EXPECT_THAT(error_of(path()),
              HasSubstr("tensor model.layers.2.input_layernorm.weight: "
                        "missing"));
  write({}, {{"intermediate_size", 100}});
  EXPECT_THAT(error_of(path()),
              HasSubstr("tensor model.layers.0.mlp.gate_proj.weight: found "
                        "shape [96, 64], expected [100, 64]"));
  write({}, {{"vocab_size", 120}});
  EXPECT_THAT(error_of(path()), HasSubstr("model.embed_tokens.weight"));
  write({.tied_embeddings = true}, {{"tie_word_embeddings", false}});
  EXPECT_THAT(error_of(path()), HasSubstr("must say tie_word_embeddings"));
  write({.attention_bias = true}, {{"attention_bias", false}});
  EXPECT_THAT(error_of(path()), HasSubstr("self_attn.k_proj.bias: not "
                                          "expected"));
  // A copy of the embedding beside tied ones is no harm, nor are layers that
  // nobody asked for.
  write({}, {{"tie_word_embeddings", true}, {"num_hidden_layers", 1}});
  EXPECT_EQ(Model::load(path(), {.layers = 1})->config().n_layers(), 1);
  EXPECT_THAT(error_of(path()), HasSubstr("there should be no layer 1"));
}

TEST_F(WeightsTest, RefuseConversionsThatCannotBe) {
  write({.intermediate_size = 100});
  EXPECT_THAT(error_of(path(), {.dtype = DType::kQ8_0, .strict_dtype = true}),
              HasSubstr("mlp.down_proj.weight: q8_0 packs blocks of 32 "
                        "columns, found 100"));
  EXPECT_THAT(error_of(path(), {.dtype = DType::kQ4_K}),
              HasSubstr("dtype q4_k: weights are converted to"));
  EXPECT_THROW(Model::load(path(), {.layers = 3}), UsageError);
  EXPECT_THROW(Model::load(path(), {.layers = -1}), UsageError);
  EXPECT_THROW(Model::load(path(), {.n_positions = -1}), UsageError);
  EXPECT_THROW(Model::load(path(), {.instruction_set = "mmx"}), UsageError);
  write({.logit_scale = 1e7});
  EXPECT_THAT(error_of(path(), {.dtype = DType::kF16}),
              HasSubstr("tensor lm_head.weight: found values beyond the range "
                        "of f16"));
  // The scale of a block is f16 too; a row of blocks may be packed or not.
  write({.vocab_size = 127, .logit_scale = 1e9});
  EXPECT_THAT(
      error_of(path(), {.dtype = DType::kQ8_0}),
      HasSubstr("lm_head.weight: found values beyond the range of q8_0; "
                "use bf16 or f32"));
  write({.logit_scale = 1e9});
  EXPECT_THAT(
      error_of(path(), {.dtype = DType::kQ4_0}),
      HasSubstr("lm_head.weight: found values beyond the range of q4_0"));
  EXPECT_EQ(error_of(path(), {.dtype = DType::kBF16}), "(nothing thrown)");
}

// Rows of 100 elements are no whole blocks of 32.
TEST_F(WeightsTest, KeepInBf16WhatABlockDoesNotDivide) {
  write({.intermediate_size = 100});
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_0}) {
    const auto checkpoint = Checkpoint::open(path());
    const ModelConfig config = read_config(*checkpoint);
    ThreadTeam team(1);
    const Weights weights(checkpoint, config, Shard(config, 0, 1),
                          {.dtype = dtype}, team);
    EXPECT_EQ(weights.matrices_kept_in_bf16(), 2);  // down, in both layers
    EXPECT_EQ(weights.layers()[1].down.weights.dtype, DType::kBF16);
    EXPECT_EQ(weights.layers()[1].gate.weights.dtype, dtype);
    EXPECT_EQ(Model::load(path(), {.dtype = dtype})->matrices_kept_in_bf16(),
              2);
  }
  EXPECT_EQ(Model::load(path())->matrices_kept_in_bf16(), 0);
}

// Some writers keep the output projection of tied weights and drop the
// embedding.
TEST_F(WeightsTest, TakeTheOutputForTheEmbeddingOfTiedWeights) {
  write({.tied_embeddings = true});
  const auto load = [&] {
    return Model::load(path(), {.threads = make_threads(1)});
  };
  const auto logits_of = [](Model& model) {
    KvCache cache = model.make_cache({0, 1, DType::kF32});
    const std::vector<Token> tokens = {1, 17, 99};
    Batch batch;
    batch.add(cache.create(), tokens, 1);
    const auto row = model.forward(batch, cache).logits.row(0);
    return std::vector<float>(row.begin(), row.end());
  };
  const auto expected = logits_of(*load());
  const auto file = path() / "model.safetensors";
  std::string bytes = test::read_file(file);
  // The header keeps its length.
  const std::string name = "\"model.embed_tokens.weight\":";
  std::string other = "\"lm_head.weight\":";
  other.resize(name.size(), ' ');
  bytes.replace(bytes.find(name), name.size(), other);
  std::ofstream(file, std::ios::binary) << bytes;
  EXPECT_EQ(logits_of(*load()), expected);
}

TEST_F(WeightsTest, CheckRopeDivisors) {
  const auto file = path() / "model.gguf";
  test::write_random_gguf(file, {}, {1, 1, 1, 0, 1, 1, 1, 1});
  EXPECT_THAT(error_of(file), HasSubstr("tensor rope_freqs.weight: found 0, "
                                        "expected positive numbers"));
  test::write_random_gguf(file, {}, {1, 1});
  EXPECT_THAT(error_of(file), HasSubstr("rope_freqs.weight: found shape [2], "
                                        "expected [8]"));
}

}  // namespace
}  // namespace pilotfish
