// The forward pass against a float64 one, one feature of the family at a time.

#include "backends/cpu/forward.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <ostream>
#include <random>

#include "formats/safetensors_writer.h"
#include "kernels/kernels.h"
#include "kernels/packed_matrix.h"
#include "model/kv_cache_access.h"
#include "model/tensor_shapes.h"
#include "pilotfish/error.h"
#include "pilotfish/model.h"
#include "random_model.h"
#include "reference_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using test::RandomModelOptions;
using test::ReferenceModel;
using test::TemporaryFolder;

std::vector<Token> random_tokens(size_t count, std::int64_t vocab_size,
                                 std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Token> tokens(count);
  for (Token& token : tokens) {
    token =
        static_cast<Token>(random() % static_cast<std::uint32_t>(vocab_size));
  }
  return tokens;
}

struct Case {
  std::string name;
  RandomModelOptions model;
  LoadOptions load = {};
  DType kv = DType::kF32;
  // Of the root mean square of the logits: float32 arithmetic, and what
  // rounding in the cache can turn the other way.
  double tolerance = 2e-5;
  // With AVX-512, which multiplies some types by rounded activations.
  double avx512_tolerance = 2e-5;
  bool gguf = false;
  std::vector<float> rope_divisors = {};
};

// For gtest, which prints bytes otherwise.
void PrintTo(const Case& it, std::ostream* out) { *out << it.name; }

std::vector<Case> feature_cases() {
  std::vector<Case> cases;
  const auto add = [&](const std::string& name) -> Case& {
    cases.push_back({.name = name, .model = {}});
    return cases.back();
  };
  const auto scaling = [&](const std::string& name, const std::string& json) {
    Case& it = add(name);
    it.model.rope_scaling_json = json;
    it.model.n_positions = 64;
  };
  add("grouped_queries");
  add("multi_query").model.n_kv_heads = 1;
  add("every_head_its_own").model.n_kv_heads = 4;
  add("three_in_a_group").model.n_heads = 6;
  add("odd_sizes").model = {.vocab_size = 101,
                            .hidden_size = 44,
                            .intermediate_size = 75,
                            .n_heads = 3,
                            .n_kv_heads = 1,
                            .head_dim = 10};
  add("wide_heads").model.head_dim = 96;
  add("tied_embeddings").model.tied_embeddings = true;
  add("attention_bias").model.attention_bias = true;
  add("mlp_bias").model.mlp_bias = true;
  add("mistral").model.architecture = "mistral";
  Case& window = add("sliding_window");
  window.model.architecture = "mistral";
  window.model.sliding_window = 37;
  add("qwen2").model.architecture = "qwen2";
  Case& later = add("sliding_window_of_later_layers");
  later.model.architecture = "qwen2";
  later.model.sliding_window = 9;
  add("qwen3").model.architecture = "qwen3";
  Case& qwen3_bias = add("qwen3_bias");
  qwen3_bias.model.architecture = "qwen3";
  qwen3_bias.model.attention_bias = true;
  scaling("linear", R"({"type": "linear", "factor": 2.5})");
  scaling("llama3", R"({"rope_type": "llama3", "factor": 8.0,
      "low_freq_factor": 1.0, "high_freq_factor": 4.0,
      "original_max_position_embeddings": 16})");
  scaling("yarn", R"({"rope_type": "yarn", "factor": 4.0, "beta_fast": 4,
      "original_max_position_embeddings": 32})");
  scaling("yarn_attention", R"({"type": "yarn", "factor": 4.0,
      "attention_factor": 1.4, "original_max_position_embeddings": 32})");
  scaling("dynamic", R"({"type": "dynamic", "factor": 2.0})");
  cases.back().load.n_positions = 160;
  Case& gguf = add("gguf_interleaved");
  gguf.gguf = true;
  gguf.rope_divisors = {1, 1.5f, 2, 8, 8, 8, 8, 8};
  Case& gguf_qwen3 = add("gguf_qwen3");
  gguf_qwen3.gguf = true;
  gguf_qwen3.model.architecture = "qwen3";
  add("one_layer_of_two").load.layers = 1;
  for (const DType kv : {DType::kF16, DType::kBF16}) {
    Case& it = add("cache_" + std::string(dtype_name(kv)));
    it.kv = kv;
    it.tolerance = kv == DType::kF16 ? 1e-3 : 1e-2;
  }
  Case& quantised = add("cache_q8_0");
  quantised.kv = DType::kQ8_0;
  quantised.model.head_dim = 32;
  quantised.tolerance = 1e-2;
  return cases;
}

// What the kernels may lose beyond float32: bf16 and int8 activations. A block
// of int8 errs by some 0.7 % of its root mean square, which adds up over a
// dozen products to 1 or 2 %, and the largest of thousands of logits errs by
// four times that; a bf16 number errs by 0.11 %. packed_test.cc holds the
// kernels themselves to float's precision.
double dtype_tolerance(DType dtype) {
  if (dtype == DType::kF32 || dtype == DType::kF16) return 2e-5;
  return dtype == DType::kBF16 ? 2e-2 : 1e-1;
}

void set_tolerance(Case& it, DType dtype) {
  it.avx512_tolerance = dtype_tolerance(dtype);
  if (dtype != DType::kBF16 &&
      PackedMatrix::supports(dtype, kPackedRows, 256)) {
    it.tolerance = dtype_tolerance(dtype);
  }
}

std::vector<Case> dtype_cases() {
  std::vector<Case> cases;
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    Case it{.name = "stored_" + std::string(dtype_name(dtype)), .model = {}};
    it.model.dtype = dtype;
    set_tolerance(it, dtype);
    cases.push_back(it);
  }
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    Case it{.name = "gguf_" + std::string(dtype_name(dtype)), .model = {}};
    it.gguf = true;
    it.model.dtype = dtype;
    it.model.hidden_size = 256;
    it.model.intermediate_size = 512;
    it.model.head_dim = 64;
    set_tolerance(it, dtype);
    cases.push_back(it);
  }
  for (const DType dtype :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0}) {
    Case it{.name = "converted_" + std::string(dtype_name(dtype)), .model = {}};
    it.load.dtype = dtype;
    it.model.dtype = dtype == DType::kBF16 ? DType::kF32 : DType::kBF16;
    set_tolerance(it, dtype);
    cases.push_back(it);
  }
  return cases;
}

class ForwardCase : public testing::TestWithParam<Case> {};

// The largest error of any element, in units of the root mean square of what is
// expected. `row(i)` is a span of floats.
template <typename Row>
double relative_error(const std::vector<ReferenceModel::Row>& expected,
                      const Row& row) {
  double largest = 0;
  double squares = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const std::span<const float> actual = row(static_cast<std::int64_t>(i));
    if (actual.size() != expected[i].size()) return HUGE_VAL;
    for (size_t j = 0; j < actual.size(); ++j) {
      largest = std::max(largest, std::abs(actual[j] - expected[i][j]));
      squares += expected[i][j] * expected[i][j];
    }
  }
  const auto elements =
      static_cast<double>(expected.size() * expected.front().size());
  return largest / std::sqrt(squares / elements);
}

TEST_P(ForwardCase, AgreesWithFloat64) {
  const Case& it = GetParam();
  const TemporaryFolder folder;
  const auto path = folder.path() / (it.gguf ? "model.gguf" : "model");
  if (it.gguf) {
    test::write_random_gguf(path, it.model, it.rope_divisors);
  } else {
    test::write_random_model(path, it.model);
  }
  const auto tokens = random_tokens(70, it.model.vocab_size, 5);
  const auto expected =
      ReferenceModel(path, {.layers = it.load.layers,
                            .n_positions = it.load.n_positions,
                            .weights = it.load.dtype,
                            .kv = it.kv})
          .run(tokens);
  std::vector<std::int64_t> layers(expected.hidden.size());
  std::iota(layers.begin(), layers.end(), 0);
  const auto rows = static_cast<std::int64_t>(tokens.size());
  for (const Kernels* set : available_kernels()) {
    LoadOptions options = it.load;
    options.instruction_set = set->name;
    options.threads = make_threads(1);
    const auto model = Model::load(path, options);
    EXPECT_EQ(model->instruction_set(), set->name);
    KvCache cache = model->make_cache({128, 1, it.kv});
    Batch batch;
    batch.want_hidden(layers);
    batch.add(cache.create(), tokens, rows, rows);
    const ForwardOutput output = model->forward(batch, cache);
    const bool rounds = set->name.starts_with("avx512");
    const double tolerance =
        rounds ? std::max(it.tolerance, it.avx512_tolerance) : it.tolerance;
    const double error = relative_error(
        expected.logits, [&](std::int64_t i) { return output.logits.row(i); });
    EXPECT_LT(error, tolerance) << set->name;
    RecordProperty(std::string(set->name), std::to_string(error));
    ASSERT_EQ(output.hidden.layers(), std::ssize(layers));
    for (const std::int64_t layer : layers) {
      EXPECT_LT(relative_error(expected.hidden[static_cast<size_t>(layer)],
                               [&](std::int64_t i) {
                                 return output.hidden.row(layer, i);
                               }),
                tolerance)
          << set->name << ", layer " << layer;
    }
  }
}

const auto case_name = [](const auto& it) { return it.param.name; };
INSTANTIATE_TEST_SUITE_P(Features, ForwardCase,
                         testing::ValuesIn(feature_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(DTypes, ForwardCase, testing::ValuesIn(dtype_cases()),
                         case_name);

// Layers of which none is like another, which no file can say yet.
ModelConfig uneven_config() {
  ModelConfig config;
  config.architecture = "llama";
  config.vocab_size = 50;
  config.hidden_size = 32;
  config.n_positions = 64;
  LayerConfig layer;
  layer.attention.n_heads = 4;
  layer.attention.n_kv_heads = 2;
  layer.attention.head_dim = 12;
  layer.attention.rope.rotary_dim = 12;
  layer.ffn = DenseFfn{.intermediate_size = 40};
  config.set_layers(4, layer);
  AttentionConfig& second = config.layers[1].attention;
  second.n_heads = 6;
  second.n_kv_heads = 1;
  second.head_dim = 8;
  second.sliding_window = 5;
  second.qk_norm = true;
  second.rope.theta = 500;
  second.rope.rotary_dim = 4;
  second.rope.interleaved = true;
  config.layers[1].ffn = DenseFfn{.intermediate_size = 24, .bias = true};
  config.layers[1].rms_epsilon = 0.1;
  AttentionConfig& third = config.layers[2].attention;
  third.bias = third.output_bias = true;
  third.sliding_window = 9;
  return config;
}

// Random weights for any configuration.
void write_weights(const ModelConfig& config,
                   const std::filesystem::path& folder) {
  std::vector<test::random_model_internal::RandomTensor> tensors;
  std::vector<TensorSpec> specs;
  for (const TensorShape& shape : tensor_shapes(config)) {
    specs.push_back(
        {tensor_name(Checkpoint::Kind::kHuggingFace, shape.role, shape.layer),
         DType::kF32, shape.extents()});
    const double unit = 1 / std::sqrt(static_cast<double>(shape.columns));
    tensors.push_back({specs.back(), shape.is_matrix() ? 0.0 : 1.0,
                       shape.is_matrix() ? unit : 0.1});
  }
  test::write_random_model(folder, {});  // for its config.json
  TensorFileWriter writer =
      write_safetensors(folder / "model.safetensors", specs);
  test::random_model_internal::write_tensors(writer, tensors, {});
  writer.finish();
}

TEST(UnevenLayers, AgreeWithFloat64) {
  const TemporaryFolder folder;
  const ModelConfig config = uneven_config();
  write_weights(config, folder.path());
  const auto checkpoint = Checkpoint::open(folder.path());
  const auto tokens = random_tokens(40, config.vocab_size, 3);
  const auto expected =
      ReferenceModel(checkpoint, {.config = config}).run(tokens);
  CpuForward forward(checkpoint, config, {.threads = make_threads(2)});
  KvCache cache = KvCacheAccess::make(
      config, {.dtype = DType::kF32},
      [&](const KvLayout& layout) { return forward.make_storage(layout); });
  Batch batch;
  batch.want_hidden(std::vector<std::int64_t>{0, 1, 2, 3, 4});
  batch.add(cache.create(), tokens, 40, 40);
  const ForwardOutput output = forward.run(batch, cache, config.n_layers());
  EXPECT_LT(
      relative_error(expected.logits,
                     [&](std::int64_t i) { return output.logits.row(i); }),
      2e-5);
  for (std::int64_t layer = 0; layer <= config.n_layers(); ++layer) {
    EXPECT_LT(relative_error(
                  expected.hidden[static_cast<size_t>(layer)],
                  [&](std::int64_t i) { return output.hidden.row(layer, i); }),
              2e-5)
        << "layer " << layer;
  }
}

class Forwarding : public testing::Test {
 protected:
  void SetUp() override {
    test::write_random_model(folder_.path(), {});
    LoadOptions options;
    options.threads = make_threads(1);
    model_ = Model::load(folder_.path(), options);
  }

  TemporaryFolder folder_;
  std::shared_ptr<Model> model_;
};

TEST_F(Forwarding, ReturnsLogitsWhereTheyAreAskedFor) {
  KvCache cache = model_->make_cache({64, 3, DType::kF32});
  const auto a = random_tokens(5, 128, 1);
  const auto b = random_tokens(7, 128, 2);
  const auto c = random_tokens(3, 128, 3);
  Batch all;
  for (const auto& tokens : {a, b, c}) {
    all.add(cache.create(), tokens, static_cast<std::int64_t>(tokens.size()));
  }
  const Logits logits = model_->forward(all, cache).logits;
  std::vector<std::vector<float>> rows;
  for (std::int64_t i = 0; i < logits.rows(); ++i) {
    rows.emplace_back(logits.row(i).begin(), logits.row(i).end());
  }
  for (SequenceId id = 0; id < 3; ++id) cache.truncate(id, 0);
  Batch some;
  some.add(2, c, 1);
  some.add(0, a, 0);
  some.add(1, b, 2);
  const Logits few = model_->forward(some, cache).logits;
  ASSERT_EQ(few.rows(), 3);
  const size_t places[] = {14, 10, 11};
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto row = few.row(i);
    EXPECT_TRUE(std::equal(row.begin(), row.end(), rows[places[i]].begin()))
        << "row " << i;
  }
}

using Rows = std::vector<std::vector<float>>;

Rows copied(const Logits& logits) {
  Rows rows;
  for (std::int64_t i = 0; i < logits.rows(); ++i) {
    rows.emplace_back(logits.row(i).begin(), logits.row(i).end());
  }
  return rows;
}

// Of one layer that was asked for.
Rows copied(const HiddenRows& hidden, std::int64_t layer) {
  Rows rows;
  for (std::int64_t i = 0; i < hidden.rows(); ++i) {
    const auto row = hidden.row(layer, i);
    rows.emplace_back(row.begin(), row.end());
  }
  return rows;
}

// More and fewer hidden rows than rows of logits, of all layers or of one.
TEST_F(Forwarding, ReturnsHiddenRowsWhereTheyAreAskedFor) {
  KvCache cache = model_->make_cache({64, 2, DType::kF32});
  const auto a = random_tokens(5, 128, 1);
  const auto b = random_tokens(7, 128, 2);
  const SequenceId first = cache.create();
  const SequenceId second = cache.create();
  const auto run = [&](std::vector<std::int64_t> layers, std::int64_t of_a,
                       std::int64_t of_b) {
    cache.truncate(first, 0);
    cache.truncate(second, 0);
    Batch batch;
    batch.want_hidden(layers);
    batch.add(first, a, 1, of_a);
    batch.add(second, b, 3, of_b);
    return model_->forward(batch, cache);
  };
  const ForwardOutput plain = run({}, 5, 7);
  EXPECT_EQ(plain.hidden.layers(), 0);
  EXPECT_EQ(plain.hidden.rows(), 0);
  const Rows logits = copied(plain.logits);

  std::vector<Rows> all;
  const ForwardOutput every = run({0, 1, 2}, 5, 7);
  EXPECT_EQ(every.hidden.layers(), 3);
  EXPECT_EQ(every.hidden.rows(), 12);
  EXPECT_EQ(every.hidden.hidden_size(), 64);
  EXPECT_EQ(copied(every.logits), logits);
  for (std::int64_t i = 0; i < 3; ++i) all.push_back(copied(every.hidden, i));

  for (const std::vector<std::int64_t>& layers :
       {std::vector<std::int64_t>{2}, {0}, {1}, {0, 2}}) {
    for (const auto& [of_a, of_b] :
         {std::pair{5, 1}, {0, 7}, {1, 3}, {0, 2}, {0, 0}}) {
      const ForwardOutput some = run(layers, of_a, of_b);
      EXPECT_EQ(copied(some.logits), logits);
      ASSERT_EQ(some.hidden.layers(), std::ssize(layers));
      for (size_t i = 0; i < layers.size(); ++i) {
        const Rows& whole = all[static_cast<size_t>(layers[i])];
        Rows expected(whole.begin() + 5 - of_a, whole.begin() + 5);
        expected.insert(expected.end(), whole.end() - of_b, whole.end());
        EXPECT_EQ(copied(some.hidden, static_cast<std::int64_t>(i)), expected)
            << "layer " << layers[i] << ", " << of_a << " and " << of_b;
      }
    }
  }
}

// A model that was cut after one layer leaves what the whole one has there.
TEST_F(Forwarding, GivesHiddenRowsOfTheFirstLayersAlone) {
  KvCache cache = model_->make_cache();
  const SequenceId id = cache.create();
  const auto tokens = random_tokens(6, 128, 1);
  const auto run = [&](std::vector<std::int64_t> layers, std::int64_t first) {
    cache.truncate(id, 0);
    Batch batch;
    batch.want_hidden(layers);
    batch.add(id, tokens, 0, 4);
    return copied(model_->forward(batch, cache, first).hidden, 0);
  };
  EXPECT_EQ(run({1}, 1), run({1}, 0));
  for (const auto& [layer, first] : {std::pair{2, 1}, {3, 0}, {3, 2}}) {
    EXPECT_THROW(run({layer}, first), UsageError) << layer << " of " << first;
    EXPECT_EQ(cache.length(id), 0);
  }
  EXPECT_THROW(model_->forward(Batch(), cache, 3), UsageError);
  Batch batch;
  EXPECT_THROW(batch.want_hidden(std::vector<std::int64_t>{1, 1}), UsageError);
  EXPECT_THROW(batch.want_hidden(std::vector<std::int64_t>{-1}), UsageError);
  EXPECT_THROW(batch.add(id, tokens, 0, 7), UsageError);
  EXPECT_THROW(batch.add(id, tokens, 0, -1), UsageError);
}

TEST_F(Forwarding, TakesEmptyBatchesAndEntries) {
  KvCache cache = model_->make_cache({64, 1, DType::kF32});
  EXPECT_EQ(model_->forward(Batch(), cache).logits.rows(), 0);
  Batch batch;
  batch.add(cache.create(), {}, 0);
  EXPECT_EQ(model_->forward(batch, cache).logits.rows(), 0);
  EXPECT_EQ(cache.length(0), 0);
}

TEST_F(Forwarding, ChangesNothingWhenItThrows) {
  KvCache cache = model_->make_cache({40, 2, DType::kF32});
  const SequenceId a = cache.create();
  const SequenceId b = cache.create();
  const auto tokens = random_tokens(30, 128, 4);
  Batch batch;
  batch.add(a, tokens, 1);
  model_->forward(batch, cache);
  const auto before = cache.blocks_in_use();

  const auto refused = [&](const Batch& bad) {
    EXPECT_THROW(model_->forward(bad, cache), Error);
    EXPECT_EQ(cache.length(a), 30);
    EXPECT_EQ(cache.length(b), 0);
    EXPECT_EQ(cache.blocks_in_use(), before);
  };
  const auto with_b = [&] {
    Batch bad;
    bad.add(b, tokens, 1);
    return bad;
  };
  for (const Token token : {-1, 128, 1 << 30}) {
    Batch bad = with_b();
    bad.add(a, std::vector<Token>{3, token}, 1);
    refused(bad);
  }
  Batch full = with_b();
  full.add(a, random_tokens(11, 128, 5), 1);
  refused(full);
  Batch twice = with_b();
  twice.add(b, tokens, 1);
  refused(twice);
  Batch unknown = with_b();
  unknown.add(7, tokens, 1);
  refused(unknown);
  EXPECT_THROW(batch.add(a, tokens, 31), UsageError);
  EXPECT_THROW(batch.add(a, tokens, -1), UsageError);

  const auto shorter = Model::load(folder_.path(), {.layers = 1});
  KvCache wrong = shorter->make_cache();
  Batch fine;
  fine.add(wrong.create(), tokens, 1);
  EXPECT_THROW(model_->forward(fine, wrong), UsageError);
}

}  // namespace
}  // namespace pilotfish
