#include "pilotfish/lab/convert.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>

#include "formats/checkpoint.h"
#include "formats/hostile_test.h"
#include "model/config.h"
#include "pilotfish/model.h"
#include "pilotfish/tokenizer.h"
#include "random_model.h"
#include "tensor/quantise.h"
#include "test_data.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::RandomModelOptions;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

std::vector<float> floats_of(const TensorView& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  const std::int64_t columns = tensor.shape.back();
  const std::int64_t bytes = row_bytes(tensor.dtype, columns);
  for (std::int64_t row = 0; row * columns < tensor.elements(); ++row) {
    dequantise_row(tensor.dtype, tensor.data + row * bytes,
                   values.data() + row * columns, columns);
  }
  return values;
}

void expect_same_tensors(const Checkpoint& a, const Checkpoint& b) {
  ASSERT_EQ(a.tensors().size(), b.tensors().size());
  for (size_t i = 0; i < a.tensors().size(); ++i) {
    const TensorView& x = a.tensors()[i];
    const TensorView& y = b.tensors()[i];
    ASSERT_EQ(x.name, y.name);
    EXPECT_EQ(x.dtype, y.dtype) << x.name;
    EXPECT_EQ(x.shape, y.shape) << x.name;
    ASSERT_EQ(x.bytes, y.bytes) << x.name;
    EXPECT_TRUE(std::equal(x.data, x.data + x.bytes, y.data)) << x.name;
  }
}

void expect_same_rope(const RopeConfig& a, const RopeConfig& b) {
  EXPECT_DOUBLE_EQ(a.theta, b.theta);
  EXPECT_EQ(a.scaling.kind, b.scaling.kind);
  EXPECT_DOUBLE_EQ(a.scaling.factor, b.scaling.factor);
  EXPECT_EQ(a.scaling.original_positions, b.scaling.original_positions);
  EXPECT_EQ(a.scaling.low_frequency_factor, b.scaling.low_frequency_factor);
  EXPECT_EQ(a.scaling.high_frequency_factor, b.scaling.high_frequency_factor);
  EXPECT_DOUBLE_EQ(a.scaling.beta_fast, b.scaling.beta_fast);
  EXPECT_DOUBLE_EQ(a.scaling.beta_slow, b.scaling.beta_slow);
  EXPECT_DOUBLE_EQ(a.scaling.attention_factor, b.scaling.attention_factor);
}

void expect_same_config(const ModelConfig& a, const ModelConfig& b) {
  EXPECT_EQ(a.architecture, b.architecture);
  const LayerConfig& layer = common_layer(a);
  const LayerConfig& other = common_layer(b);
  const Extents extents = extents_of(a, layer);
  const Extents others = extents_of(b, other);
  for (const ExtentField& field : extent_fields()) {
    EXPECT_EQ(extents.*field.member, others.*field.member)
        << field.hugging_face;
  }
  EXPECT_EQ(a.sliding_window(), b.sliding_window());
  EXPECT_DOUBLE_EQ(a.rms_epsilon, b.rms_epsilon);
  EXPECT_DOUBLE_EQ(layer.rms_epsilon, other.rms_epsilon);
  EXPECT_EQ(a.tied_embeddings, b.tied_embeddings);
  EXPECT_EQ(layer.attention.bias, other.attention.bias);
  EXPECT_EQ(layer.attention.output_bias, other.attention.output_bias);
  EXPECT_EQ(std::get<DenseFfn>(layer.ffn).bias,
            std::get<DenseFfn>(other.ffn).bias);
  EXPECT_EQ(layer.attention.qk_norm, other.attention.qk_norm);
  expect_same_rope(layer.attention.rope, other.attention.rope);
  EXPECT_EQ(a.bos, b.bos);
  EXPECT_EQ(a.eos, b.eos);
}

// The logits of a few tokens, [5, vocab].
std::vector<float> logits_of(const fs::path& path) {
  LoadOptions options;
  options.threads = make_threads(1);
  options.instruction_set = "scalar";
  const auto model = Model::load(path, options);
  KvCache cache = model->make_cache({0, 1, DType::kF32});
  const std::vector<Token> tokens = {1, 17, 99, 3, 64};
  Batch batch;
  batch.add(cache.create(), tokens, std::ssize(tokens));
  const Logits logits = model->forward(batch, cache).logits;
  std::vector<float> all;
  for (std::int64_t i = 0; i < logits.rows(); ++i) {
    all.insert(all.end(), logits.row(i).begin(), logits.row(i).end());
  }
  return all;
}

void expect_same_logits(const fs::path& a, const fs::path& b,
                        double tolerance) {
  const std::vector<float> x = logits_of(a);
  const std::vector<float> y = logits_of(b);
  ASSERT_EQ(x.size(), y.size());
  double largest = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    largest = std::max(largest, std::abs(double{x[i]} - y[i]));
  }
  EXPECT_LE(largest, tolerance);
}

size_t files_in(const fs::path& folder) {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

struct Case {
  const char* name;
  RandomModelOptions model;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class Convert : public testing::TestWithParam<Case> {};

// A model goes to the other format and back: the same tensors bit for bit, the
// same configuration, and a model between that computes the same.
TEST_P(Convert, GoesThereAndBack) {
  const test::TemporaryFolder folder;
  const fs::path from = folder.path() / "from";
  const fs::path between = folder.path() / "between.gguf";
  const fs::path back = folder.path() / "back";
  test::write_random_model(from, GetParam().model);
  convert(from, between, {});
  convert(between, back, {});
  expect_same_tensors(*Checkpoint::open(from), *Checkpoint::open(back));
  expect_same_config(read_config(*Checkpoint::open(from)),
                     read_config(*Checkpoint::open(back)));
  expect_same_logits(from, between, 2e-5);
  expect_same_logits(from, back, 0);
  EXPECT_EQ(files_in(folder.path()), 3U);
}

constexpr const char* kLlama3Json =
    R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 64})";
constexpr const char* kYarnJson =
    R"({"rope_type": "yarn", "factor": 4.0, "beta_fast": 16, "beta_slow": 2,
        "original_max_position_embeddings": 128, "attention_factor": 1.5})";

INSTANTIATE_TEST_SUITE_P(
    Models, Convert,
    testing::Values(
        Case{"llama", {}}, Case{"tied", {.tied_embeddings = true}},
        Case{"biases", {.attention_bias = true, .mlp_bias = true}},
        Case{"linear",
             {.rope_scaling_json = R"({"type": "linear", "factor": 2.5})"}},
        Case{"llama3", {.head_dim = 32, .rope_scaling_json = kLlama3Json}},
        Case{"yarn", {.rope_scaling_json = kYarnJson}},
        Case{"llama3_of_4096",
             {.rope_scaling_json =
                  R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
                      "high_freq_factor": 4,
                      "original_max_position_embeddings": 4096})"}},
        Case{"llama3_few_frequencies", {.rope_scaling_json = kLlama3Json}},
        Case{"many_ends", {.eos = {5, 2, 7}}},
        Case{"very_many_ends", {.eos = {5, 2, 7, 99, 3}}},
        Case{"no_end", {.eos = {}}},
        Case{"mistral", {.architecture = "mistral", .sliding_window = 3}},
        Case{"qwen2", {.architecture = "qwen2"}},
        Case{"qwen3", {.architecture = "qwen3", .head_dim = 32}},
        Case{"qwen3_biases",
             {.architecture = "qwen3", .attention_bias = true}}),
    [](const auto& test) { return test.param.name; });

class ConvertFiles : public testing::Test {
 protected:
  fs::path at(const std::string& name) const { return folder_.path() / name; }
  std::shared_ptr<const Checkpoint> open(const std::string& name) const {
    return Checkpoint::open(at(name));
  }
  test::TemporaryFolder folder_;
};

// The four rows of one head: halves 0 1 | 2 3 become pairs 0 2 1 3.
TEST_F(ConvertFiles, InterleavesQueryAndKeyRowsOfLlama) {
  test::write_random_model(at("hf"), {.hidden_size = 8,
                                      .n_layers = 1,
                                      .n_heads = 2,
                                      .n_kv_heads = 1,
                                      .head_dim = 4,
                                      .attention_bias = true});
  convert(at("hf"), at("m.gguf"), {});
  const auto from = open("hf");
  const auto to = open("m.gguf");
  const auto check = [&](const char* hf_name, const char* gguf_name,
                         const std::vector<size_t>& rows) {
    const auto x = floats_of(*from->find(hf_name));
    const auto y = floats_of(*to->find(gguf_name));
    const size_t columns = x.size() / rows.size();
    for (size_t row = 0; row < rows.size(); ++row) {
      for (size_t i = 0; i < columns; ++i) {
        EXPECT_EQ(y[row * columns + i], x[rows[row] * columns + i])
            << gguf_name;
      }
    }
  };
  const std::vector<size_t> two_heads = {0, 2, 1, 3, 4, 6, 5, 7};
  check("model.layers.0.self_attn.q_proj.weight", "blk.0.attn_q.weight",
        two_heads);
  check("model.layers.0.self_attn.q_proj.bias", "blk.0.attn_q.bias", two_heads);
  check("model.layers.0.self_attn.k_proj.weight", "blk.0.attn_k.weight",
        {0, 2, 1, 3});
  check("model.layers.0.self_attn.k_proj.bias", "blk.0.attn_k.bias",
        {0, 2, 1, 3});
  check("model.layers.0.self_attn.v_proj.weight", "blk.0.attn_v.weight",
        {0, 1, 2, 3});
}

TEST_F(ConvertFiles, KeepsRowsOfQwen) {
  test::write_random_model(at("hf"), {.architecture = "qwen2"});
  convert(at("hf"), at("m.gguf"), {});
  EXPECT_EQ(
      floats_of(*open("hf")->find("model.layers.0.self_attn.q_proj.weight")),
      floats_of(*open("m.gguf")->find("blk.0.attn_q.weight")));
}

TEST_F(ConvertFiles, WritesTheKeysThatLlamaCppReads) {
  test::write_random_model(at("tiny"), {.dtype = DType::kBF16});
  convert(at("tiny"), at("m.gguf"), {});
  const auto checkpoint = open("m.gguf");
  const GgufMetadata& m = checkpoint->metadata();
  EXPECT_EQ(*m.string("general.architecture"), "llama");
  EXPECT_EQ(*m.string("general.name"), "tiny");
  EXPECT_THAT(m.integer("general.file_type"), Optional(32));
  EXPECT_THAT(m.integer("llama.block_count"), Optional(2));
  EXPECT_THAT(m.integer("llama.context_length"), Optional(512));
  EXPECT_THAT(m.integer("llama.embedding_length"), Optional(64));
  EXPECT_THAT(m.integer("llama.feed_forward_length"), Optional(96));
  EXPECT_THAT(m.integer("llama.attention.head_count"), Optional(4));
  EXPECT_THAT(m.integer("llama.attention.head_count_kv"), Optional(2));
  EXPECT_THAT(m.integer("llama.attention.key_length"), Optional(16));
  EXPECT_THAT(m.integer("llama.attention.value_length"), Optional(16));
  EXPECT_THAT(m.integer("llama.rope.dimension_count"), Optional(16));
  EXPECT_THAT(m.integer("llama.vocab_size"), Optional(128));
  EXPECT_THAT(m.number("llama.rope.freq_base"), Optional(10000.0));
  EXPECT_THAT(m.number("llama.attention.layer_norm_rms_epsilon"),
              Optional(double{1e-5F}));
  EXPECT_EQ(*m.string("tokenizer.ggml.model"), "none");
  EXPECT_EQ(checkpoint->find("blk.0.attn_norm.weight")->dtype, DType::kF32);
  EXPECT_EQ(checkpoint->find("blk.0.attn_q.weight")->dtype, DType::kBF16);
}

TEST_F(ConvertFiles, GoesWithoutATokenizer) {
  test::write_random_model(at("hf"));
  convert(at("hf"), at("m.gguf"), {});
  EXPECT_EQ(Tokenizer::load_if_present(at("m.gguf")), nullptr);
  convert(at("m.gguf"), at("back"), {});
  EXPECT_EQ(files_in(at("back")), 3U);
}

// The divisors are compared with the formula of Llama 3.1, not with the code
// that computes it.
TEST_F(ConvertFiles, WritesLlama3ScalingAsDivisors) {
  test::write_random_model(at("hf"),
                           {.head_dim = 32, .rope_scaling_json = kLlama3Json});
  convert(at("hf"), at("m.gguf"), {});
  const auto divisors = floats_of(*open("m.gguf")->find("rope_freqs.weight"));
  ASSERT_EQ(divisors.size(), 16U);
  for (size_t i = 0; i < divisors.size(); ++i) {
    const double frequency =
        std::pow(10000.0, -2 * static_cast<double>(i) / 32);
    const double wave = 2 * std::numbers::pi / frequency;
    double expected = 1;
    if (wave > 64 / 1.0) {
      expected = 8;
    } else if (wave > 64 / 4.0) {
      const double smooth = (64 / wave - 1) / (4 - 1);
      expected = 1 / ((1 - smooth) / 8 + smooth);
    }
    EXPECT_NEAR(divisors[i], expected, 1e-6 * expected) << i;
  }
}

TEST_F(ConvertFiles, QuantisesMatricesAlone) {
  // Rows of 100 elements are not made of whole blocks.
  test::write_random_model(at("hf"), {.intermediate_size = 100});
  for (const DType dtype :
       {DType::kQ8_0, DType::kQ4_0, DType::kF16, DType::kBF16, DType::kF32}) {
    const ConvertNotes notes =
        convert(at("hf"), at("m.gguf"), {.dtype = dtype, .overwrite = true});
    EXPECT_EQ(notes.size(), is_quantised(dtype) ? 1U : 0U);
    if (is_quantised(dtype)) {
      EXPECT_THAT(notes[0], HasSubstr("2 matrices are stored in bf16"));
    }
    const auto checkpoint = open("m.gguf");
    EXPECT_EQ(checkpoint->find("token_embd.weight")->dtype, dtype);
    EXPECT_EQ(checkpoint->find("blk.1.ffn_gate.weight")->dtype, dtype);
    EXPECT_EQ(checkpoint->find("blk.1.ffn_norm.weight")->dtype, DType::kF32);
    EXPECT_EQ(checkpoint->find("blk.1.ffn_down.weight")->dtype,
              is_quantised(dtype) ? DType::kBF16 : dtype);
    const auto before =
        floats_of(*open("hf")->find("model.layers.0.mlp.up_proj.weight"));
    const auto after = floats_of(*checkpoint->find("blk.0.ffn_up.weight"));
    const auto kept = *std::max_element(before.begin(), before.end());
    const double step = dtype == DType::kQ4_0 ? kept / 7 : kept / 100;
    for (size_t i = 0; i < before.size(); ++i) {
      ASSERT_NEAR(before[i], after[i], step) << dtype_name(dtype);
    }
  }
  convert(at("hf"), at("m.gguf"), {.dtype = DType::kQ8_0, .overwrite = true});
  expect_same_logits(at("hf"), at("m.gguf"), 0.2);
  EXPECT_THAT(
      error_of([&] {
        convert(at("hf"), at("n.gguf"),
                {.dtype = DType::kQ8_0, .strict_dtype = true});
      }),
      Optional(HasSubstr("tensor model.layers.0.mlp.down_proj.weight: "
                         "q8_0 packs blocks of 32 columns, found 100")));
  EXPECT_FALSE(fs::exists(at("n.gguf")));
}

TEST_F(ConvertFiles, UnpacksQuantisedFiles) {
  test::write_random_gguf(at("m.gguf"), {.hidden_size = 256,
                                         .intermediate_size = 256,
                                         .head_dim = 64,
                                         .dtype = DType::kQ4_K});
  convert(at("m.gguf"), at("keep"), {});
  EXPECT_EQ(open("keep")->find("model.embed_tokens.weight")->dtype,
            DType::kBF16);
  EXPECT_EQ(open("keep")->find("model.norm.weight")->dtype, DType::kF32);
  EXPECT_EQ(open("keep")->config().at("torch_dtype"), "bfloat16");
  convert(at("m.gguf"), at("f32"), {DType::kF32});
  EXPECT_EQ(open("f32")->config().at("torch_dtype"), "float32");
  EXPECT_EQ(floats_of(*open("f32")->find("lm_head.weight")),
            floats_of(*open("m.gguf")->find("output.weight")));
  // Quantised weights multiply int8 activations, which lose a percent or two.
  expect_same_logits(at("m.gguf"), at("f32"), 1e-1);
}

TEST_F(ConvertFiles, RefusesWhatTheOtherFormatCannotSay) {
  const auto error = [&](RandomModelOptions options) {
    test::write_random_model(at("hf"), options);
    return error_of([&] { convert(at("hf"), at("m.gguf"), {}); });
  };
  EXPECT_THAT(error({.architecture = "qwen2", .sliding_window = 8}),
              Optional(HasSubstr("max_window_layers: found 1 of 2")));
  EXPECT_THAT(error({.architecture = "qwen2",
                     .head_dim = 32,
                     .rope_scaling_json = kLlama3Json}),
              Optional(HasSubstr("no such scaling for qwen2")));
  EXPECT_THAT(
      error({.rope_scaling_json =
                 R"({"type": "yarn", "factor": 2, "truncate": false})"}),
      Optional(HasSubstr("rope_scaling.truncate")));
  EXPECT_EQ(files_in(folder_.path()), 1U);

  // A llama with biases on queries alone, as no Hugging Face class has them.
  test::write_random_gguf(at("q.gguf"), {.architecture = "qwen2"}, {},
                          [](GgufHeader& header) {
                            header.set_u32("qwen2.attention.sliding_window", 4);
                          });
  convert(at("q.gguf"), at("qwen"), {});
  EXPECT_EQ(read_config(*open("qwen")).sliding_window(), 4);
  test::write_random_gguf(at("r.gguf"), {}, {1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_THAT(error_of([&] { convert(at("r.gguf"), at("r"), {}); }),
              Optional(HasSubstr("rope_freqs.weight: found factors")));
  EXPECT_FALSE(fs::exists(at("r")));
}

// Dynamic scaling is none up to the length that the model was trained on.
TEST_F(ConvertFiles, DropsDynamicScaling) {
  test::write_random_model(
      at("hf"), {.rope_scaling_json = R"({"type": "dynamic", "factor": 4})"});
  EXPECT_THAT(convert(at("hf"), at("m.gguf"), {}),
              ElementsAre(HasSubstr("rope_scaling of type dynamic is lost")));
  EXPECT_EQ(open("m.gguf")->find("rope_freqs.weight"), nullptr);
  expect_same_logits(at("hf"), at("m.gguf"), 2e-5);
}

TEST_F(ConvertFiles, RefusesWrongArguments) {
  test::write_random_model(at("hf"));
  convert(at("hf"), at("m.gguf"), {});
  EXPECT_THROW(convert(at("hf"), at("other"), {}), UsageError);
  EXPECT_THROW(convert(at("m.gguf"), at("n.gguf"), {}), UsageError);
  EXPECT_THROW(convert(at("hf"), at("n.gguf"), {DType::kQ4_K}), UsageError);
  EXPECT_THROW(convert(at("m.gguf"), at("new"), {DType::kQ8_0}), UsageError);
  EXPECT_THAT(error_of([&] { convert(at("none"), at("n.gguf"), {}); }),
              Optional(HasSubstr("no such file")));
  EXPECT_THAT(error_of([&] { convert(at("m.gguf"), at("hf"), {}); }),
              Optional(HasSubstr("already there")));
  EXPECT_THAT(error_of([&] { convert(at("hf"), at("no/n.gguf"), {}); }),
              Optional(HasSubstr("cannot create")));
  EXPECT_THAT(error_of([&] { convert(at("m.gguf"), at("no/hf"), {}); }),
              Optional(HasSubstr("cannot create")));
  fs::create_directory(at("empty"));
  convert(at("m.gguf"), at("empty"), {});
  EXPECT_TRUE(fs::exists(at("empty") / "model.safetensors"));
  convert(at("m.gguf"), at("slash/"), {});
  EXPECT_TRUE(fs::exists(at("slash") / "config.json"));
  EXPECT_EQ(files_in(folder_.path()), 4U);
}

// Writes a model whose first matrix holds 1e6, which f16 does not reach.
TEST_F(ConvertFiles, RefusesValuesBeyondF16AndLeavesNothing) {
  test::write_random_model(at("hf"),
                           {.tied_embeddings = true, .logit_scale = 1e7});
  EXPECT_THAT(error_of([&] { convert(at("hf"), at("m.gguf"), {DType::kF16}); }),
              Optional(HasSubstr("model.embed_tokens.weight: ")));
  test::write_random_model(at("hf"),
                           {.tied_embeddings = true, .logit_scale = 1e9});
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_0}) {
    EXPECT_THAT(error_of([&] { convert(at("hf"), at("m.gguf"), {dtype}); }),
                Optional(HasSubstr(fmt::format("is beyond the range of {}; use "
                                               "bf16 or f32",
                                               dtype_name(dtype)))));
  }
  test::write_random_model(
      at("hf"), {.tied_embeddings = true,
                 .logit_scale = std::numeric_limits<float>::quiet_NaN()});
  EXPECT_THAT(
      error_of([&] { convert(at("hf"), at("m.gguf"), {DType::kQ8_0}); }),
      Optional(HasSubstr("found NaN, which q8_0 cannot hold")));
  EXPECT_EQ(files_in(folder_.path()), 1U);
}

TEST_F(ConvertFiles, ReplacesNothingUnlessAsked) {
  test::write_random_model(at("hf"));
  std::ofstream(at("m.gguf")) << "precious";
  EXPECT_THAT(error_of([&] { convert(at("hf"), at("m.gguf"), {}); }),
              Optional(HasSubstr("m.gguf: already exists")));
  EXPECT_EQ(test::read_file(at("m.gguf")), "precious");
  fs::create_symlink("m.gguf", at("link.gguf"));
  EXPECT_THAT(error_of([&] { convert(at("hf"), at("link.gguf"), {}); }),
              Optional(HasSubstr("link.gguf: already exists")));
  convert(at("hf"), at("link.gguf"), {.overwrite = true});
  EXPECT_TRUE(fs::is_symlink(at("link.gguf")));
  EXPECT_EQ(open("m.gguf")->kind(), Checkpoint::Kind::kGguf);
  EXPECT_EQ(files_in(folder_.path()), 3U);

  // A folder that a link leads to.
  fs::create_directory(at("real"));
  fs::create_directory_symlink("real", at("out"));
  convert(at("m.gguf"), at("out"), {});
  EXPECT_TRUE(fs::is_symlink(at("out")));
  EXPECT_TRUE(fs::exists(at("real") / "config.json"));
}

TEST_F(ConvertFiles, SaysWhatItLeavesOut) {
  test::write_random_model(at("hf"), {.eos = {5, 2, 7, 99}});
  std::ofstream(at("hf") / "generation_config.json")
      << R"({"temperature": 0.7, "top_p": 0.9, "top_k": null})";
  // Two tensors more, which the model does not use.
  std::string bytes = test::read_file(at("hf") / "model.safetensors");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof(length));
  auto header = nlohmann::ordered_json::parse(bytes.substr(8, length));
  const size_t end = bytes.size() - 8 - length;
  header["model.layers.0.self_attn.rotary_emb.inv_freq"] = {
      {"dtype", "F32"}, {"shape", {1}}, {"data_offsets", {end, end + 4}}};
  header["steps"] = {
      {"dtype", "I64"}, {"shape", {1}}, {"data_offsets", {end + 4, end + 12}}};
  const std::string text = header.dump();
  const std::uint64_t new_length = text.size();
  std::ofstream(at("hf") / "model.safetensors", std::ios::binary)
      << std::string(reinterpret_cast<const char*>(&new_length), 8) << text
      << bytes.substr(8 + length) << std::string(12, '\0');
  EXPECT_THAT(
      convert(at("hf"), at("m.gguf"), {}),
      ElementsAre(HasSubstr("GGUF has keys for 3 end tokens; of 4, other "
                            "programs will not know the last 1"),
                  HasSubstr("generation_config.json: temperature, top_p: left"),
                  HasSubstr("2 tensors that the model does not use are left "
                            "out: \"model.layers.0.self_attn.rotary")));
  EXPECT_THAT(read_config(*open("m.gguf")).eos, ElementsAre(5, 2, 7, 99));
}

TEST_F(ConvertFiles, TakesTheOutputForTheEmbeddingOfTiedWeights) {
  test::write_random_model(at("hf"), {.tied_embeddings = true});
  convert(at("hf"), at("m.gguf"), {});
  const auto file = at("hf") / "model.safetensors";
  std::string bytes = test::read_file(file);
  const std::string name = "\"model.embed_tokens.weight\":";
  std::string other = "\"lm_head.weight\":";
  other.resize(name.size(), ' ');
  bytes.replace(bytes.find(name), name.size(), other);
  std::ofstream(file, std::ios::binary) << bytes;
  convert(at("hf"), at("n.gguf"), {});
  expect_same_tensors(*open("m.gguf"), *open("n.gguf"));
}

TEST_F(ConvertFiles, RefusesRotationsThatDifferByLayer) {
  test::write_random_model(at("hf"),
                           {.architecture = "qwen2", .sliding_window = 8});
  auto config =
      nlohmann::json::parse(test::read_file(at("hf") / "config.json"));
  config["rope_parameters"] = {{"full_attention", {{"rope_theta", 1e4}}},
                               {"sliding_attention", {{"rope_theta", 2e4}}}};
  std::ofstream(at("hf") / "config.json") << config.dump();
  EXPECT_THAT(error_of([&] { convert(at("hf"), at("m.gguf"), {}); }),
              Optional(HasSubstr("rope_parameters: found different ones")));
}

TEST_F(ConvertFiles, NamesMissingAndMisshapenTensors) {
  test::write_random_model(at("hf"), {.n_layers = 1});
  nlohmann::json config =
      nlohmann::json::parse(test::read_file(at("hf") / "config.json"));
  const auto error_with = [&](const char* key, const nlohmann::json& value) {
    nlohmann::json changed = config;
    changed[key] = value;
    std::ofstream(at("hf") / "config.json") << changed.dump();
    return error_of([&] { convert(at("hf"), at("m.gguf"), {}); });
  };
  EXPECT_THAT(error_with("num_hidden_layers", 2),
              Optional(HasSubstr("model.layers.1.input_layernorm.weight: "
                                 "missing")));
  EXPECT_THAT(error_with("vocab_size", 127),
              Optional(HasSubstr("found shape [128, 64], expected [127, 64]")));
  EXPECT_THAT(error_with("mlp_bias", true), Optional(HasSubstr("missing")));
}

TEST(ConvertReal, StoriesKeepTheirLogits) {
  SKIP_WITHOUT_DATA("models/stories260K");
  const test::TemporaryFolder folder;
  const fs::path from = test::data_path("models/stories260K");
  convert(from, folder.path() / "s.gguf", {});
  convert(folder.path() / "s.gguf", folder.path() / "s", {});
  expect_same_tensors(*Checkpoint::open(from),
                      *Checkpoint::open(folder.path() / "s"));
  expect_same_logits(from, folder.path() / "s.gguf", 2e-5);
}

TEST(ConvertReal, ReadsLlamaCppsOwnFile) {
  SKIP_WITHOUT_DATA("gguf/llama-2-tiny-random.gguf");
  const test::TemporaryFolder folder;
  const fs::path from = test::data_path("gguf/llama-2-tiny-random.gguf");
  convert(from, folder.path() / "hf", {});
  convert(folder.path() / "hf", folder.path() / "back.gguf", {});
  expect_same_tensors(*Checkpoint::open(from),
                      *Checkpoint::open(folder.path() / "back.gguf"));
}

}  // namespace
}  // namespace pilotfish
