#include "model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <variant>
#include <vector>

#include "formats/checkpoint.h"
#include "formats/hostile_test.h"
#include "formats/json.h"
#include "pilotfish/error.h"
#include "random_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

ModelConfig parse(const json& config, const json& generation = json::object()) {
  return config_from_json(config, generation, "folder/config.json");
}

// Of a layer; all have the same but for their windows.
AttentionConfig attention(const ModelConfig& config) {
  return common_layer(config).attention;
}
RopeConfig rope(const ModelConfig& config) { return attention(config).rope; }
DenseFfn ffn(const ModelConfig& config) {
  return std::get<DenseFfn>(common_layer(config).ffn);
}

std::vector<std::int64_t> windows(const ModelConfig& config) {
  std::vector<std::int64_t> windows;
  for (const LayerConfig& layer : config.layers) {
    windows.push_back(layer.attention.sliding_window);
  }
  return windows;
}

template <typename Function>
std::string message_of(const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "(nothing thrown)";
}

std::string error_of(const json& config,
                     const json& generation = json::object()) {
  const std::string message = message_of([&] { parse(config, generation); });
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
}

json small(const std::string& hugging_face_class = "LlamaForCausalLM") {
  return {{"architectures", {hugging_face_class}},
          {"hidden_size", 64},
          {"intermediate_size", 96},
          {"vocab_size", 100},
          {"num_hidden_layers", 3},
          {"num_attention_heads", 4},
          {"num_key_value_heads", 2}};
}

json with(json config, const json& changes) {
  config.update(changes);
  return config;
}

// configuration_llama.py and its like.
TEST(ConfigFromJson, FillsInTheDefaultsOfTransformers) {
  const ModelConfig llama = parse({{"architectures", {"LlamaForCausalLM"}}});
  EXPECT_EQ(llama.architecture, "llama");
  EXPECT_EQ(llama.vocab_size, 32000);
  EXPECT_EQ(llama.hidden_size, 4096);
  EXPECT_EQ(ffn(llama).intermediate_size, 11008);
  EXPECT_EQ(llama.n_layers(), 32);
  EXPECT_EQ(attention(llama).n_heads, 32);
  EXPECT_EQ(attention(llama).n_kv_heads, 32);
  EXPECT_EQ(attention(llama).head_dim, 128);
  EXPECT_EQ(rope(llama).rotary_dim, 128);
  EXPECT_EQ(llama.n_positions, 2048);
  EXPECT_EQ(llama.sliding_window(), 0);
  EXPECT_EQ(llama.rms_epsilon, 1e-6);
  EXPECT_EQ(rope(llama).theta, 10000);
  EXPECT_EQ(rope(llama).scaling.kind, RopeScaling::Kind::kNone);
  EXPECT_FALSE(llama.tied_embeddings || attention(llama).bias ||
               attention(llama).output_bias || ffn(llama).bias ||
               attention(llama).qk_norm || rope(llama).interleaved);
  EXPECT_EQ(llama.bos, 1);
  EXPECT_THAT(llama.eos, ElementsAre(2));
  EXPECT_EQ(llama.parameters(), 6738415616);  // Llama 2 7B

  const ModelConfig mistral =
      parse({{"architectures", {"MistralForCausalLM"}}});
  EXPECT_EQ(attention(mistral).n_kv_heads, 8);
  EXPECT_EQ(ffn(mistral).intermediate_size, 14336);
  EXPECT_EQ(mistral.n_positions, 131072);
  EXPECT_THAT(windows(mistral), Each(4096));
  EXPECT_EQ(mistral.parameters(), 7241732096);  // Mistral 7B v0.1

  const ModelConfig qwen2 = parse({{"architectures", {"Qwen2ForCausalLM"}}});
  EXPECT_TRUE(attention(qwen2).bias);
  EXPECT_FALSE(attention(qwen2).output_bias);
  EXPECT_EQ(qwen2.vocab_size, 151936);
  EXPECT_EQ(qwen2.n_positions, 32768);
  EXPECT_EQ(qwen2.sliding_window(), 0);
  EXPECT_EQ(qwen2.bos, -1);
  EXPECT_TRUE(qwen2.eos.empty());

  const ModelConfig qwen3 = parse({{"architectures", {"Qwen3ForCausalLM"}}});
  EXPECT_TRUE(attention(qwen3).qk_norm);
  EXPECT_FALSE(attention(qwen3).bias);
  EXPECT_EQ(attention(qwen3).head_dim, 128);
}

TEST(ConfigFromJson, ReadsLlama32) {
  const ModelConfig config =
      parse({{"architectures", {"LlamaForCausalLM"}},
             {"bos_token_id", 128000},
             {"eos_token_id", {128001, 128008, 128009}},
             {"head_dim", 64},
             {"hidden_size", 2048},
             {"intermediate_size", 8192},
             {"max_position_embeddings", 131072},
             {"num_attention_heads", 32},
             {"num_hidden_layers", 16},
             {"num_key_value_heads", 8},
             {"rms_norm_eps", 1e-5},
             {"rope_scaling",
              {{"factor", 32.0},
               {"high_freq_factor", 4.0},
               {"low_freq_factor", 1.0},
               {"original_max_position_embeddings", 8192},
               {"rope_type", "llama3"}}},
             {"rope_theta", 500000.0},
             {"tie_word_embeddings", true},
             {"vocab_size", 128256}});
  EXPECT_EQ(config.parameters(), 1235814400);  // Llama 3.2 1B
  EXPECT_EQ(rope(config).theta, 500000);
  EXPECT_EQ(rope(config).scaling.kind, RopeScaling::Kind::kLlama3);
  EXPECT_EQ(rope(config).scaling.factor, 32);
  EXPECT_EQ(rope(config).scaling.low_frequency_factor, 1);
  EXPECT_EQ(rope(config).scaling.high_frequency_factor, 4);
  EXPECT_EQ(rope(config).scaling.original_positions, 8192);
  EXPECT_EQ(config.bos, 128000);
  EXPECT_THAT(config.eos, ElementsAre(128001, 128008, 128009));
}

TEST(ConfigFromJson, ReadsQwen25) {
  const ModelConfig config = parse({{"architectures", {"Qwen2ForCausalLM"}},
                                    {"hidden_size", 896},
                                    {"intermediate_size", 4864},
                                    {"num_attention_heads", 14},
                                    {"num_hidden_layers", 24},
                                    {"num_key_value_heads", 2},
                                    {"rope_theta", 1000000.0},
                                    {"sliding_window", 32768},
                                    {"max_window_layers", 21},
                                    {"use_sliding_window", false},
                                    {"tie_word_embeddings", true},
                                    {"vocab_size", 151936}});
  EXPECT_EQ(config.parameters(), 494032768);  // Qwen2.5 0.5B
  EXPECT_EQ(config.sliding_window(), 0);
}

TEST(ConfigFromJson, TellsNullFromAbsent) {
  EXPECT_EQ(attention(parse({{"architectures", {"MistralForCausalLM"}},
                             {"num_key_value_heads", nullptr}}))
                .n_kv_heads,
            32);
  const json mistral = small("MistralForCausalLM");
  EXPECT_EQ(parse(mistral).sliding_window(), 4096);
  EXPECT_EQ(
      parse(with(mistral, {{"sliding_window", nullptr}})).sliding_window(), 0);
  EXPECT_EQ(parse(with(small(), {{"bos_token_id", nullptr}})).bos, -1);
  EXPECT_TRUE(parse(with(small(), {{"eos_token_id", nullptr}})).eos.empty());
}

TEST(ConfigFromJson, ReadsWindowsOfLaterLayers) {
  const json qwen = with(small("Qwen3ForCausalLM"),
                         {{"sliding_window", 8}, {"max_window_layers", 2}});
  EXPECT_THAT(windows(parse(qwen)), Each(0));
  json used = with(qwen, {{"use_sliding_window", true}});
  EXPECT_THAT(windows(parse(used)), ElementsAre(0, 0, 8));
  used["max_window_layers"] = 28;  // more than there are
  EXPECT_THAT(windows(parse(used)), Each(0));
  used["max_window_layers"] = 2;
  used["layer_types"] = {"full_attention", "full_attention",
                         "sliding_attention"};
  EXPECT_THAT(windows(parse(used)), ElementsAre(0, 0, 8));
  used["layer_types"][0] = "sliding_attention";
  EXPECT_THAT(error_of(used), HasSubstr("layer_types[0]: found "
                                        "\"sliding_attention\", expected "
                                        "full_attention"));
  used["layer_types"] = {"full_attention"};
  EXPECT_THAT(error_of(used), HasSubstr("a list of 3 layers"));
}

TEST(ConfigFromJson, ReadsBiases) {
  const json biased = {{"attention_bias", true}, {"mlp_bias", true}};
  const ModelConfig llama = parse(with(small(), biased));
  EXPECT_TRUE(attention(llama).bias && attention(llama).output_bias &&
              ffn(llama).bias);
  const ModelConfig mistral = parse(with(small("MistralForCausalLM"), biased));
  EXPECT_FALSE(attention(mistral).bias || ffn(mistral).bias);
  const ModelConfig qwen3 = parse(with(small("Qwen3ForCausalLM"), biased));
  EXPECT_TRUE(attention(qwen3).bias && attention(qwen3).output_bias);
  EXPECT_FALSE(ffn(qwen3).bias);
}

TEST(ConfigFromJson, ReadsEverySpellingOfRopeScaling) {
  using enum RopeScaling::Kind;
  const auto scaling = [](const json& value,
                          const std::string& key = "rope_scaling") {
    return parse(with(small(), {{key, value}, {"rms_norm_eps", 1e-5}}));
  };
  EXPECT_EQ(rope(scaling(nullptr)).scaling.kind, kNone);
  EXPECT_EQ(rope(scaling({{"rope_type", "default"}})).scaling.kind, kNone);
  for (const char* key : {"type", "rope_type"}) {
    const ModelConfig linear = scaling({{key, "linear"}, {"factor", 4}});
    EXPECT_EQ(rope(linear).scaling.kind, kLinear);
    EXPECT_EQ(rope(linear).scaling.factor, 4);
    const ModelConfig dynamic = scaling({{key, "dynamic"}, {"factor", 2.0}});
    EXPECT_EQ(rope(dynamic).scaling.kind, kDynamic);
    EXPECT_EQ(rope(dynamic).scaling.original_positions, 2048);
  }
  const RopeScaling yarn =
      rope(scaling({{"type", "yarn"},
                    {"factor", 4.0},
                    {"original_max_position_embeddings", 512}}))
          .scaling;
  EXPECT_EQ(yarn.kind, kYarn);
  EXPECT_EQ(yarn.original_positions, 512);
  EXPECT_EQ(yarn.beta_fast, 32);
  EXPECT_EQ(yarn.beta_slow, 1);
  EXPECT_EQ(yarn.attention_factor, 0);
  EXPECT_TRUE(yarn.truncate);
  const RopeScaling deep = rope(scaling({{"type", "yarn"},
                                         {"factor", 40},
                                         {"beta_fast", 16},
                                         {"mscale", 1.0},
                                         {"mscale_all_dim", 0.5},
                                         {"truncate", false}}))
                               .scaling;
  EXPECT_EQ(deep.beta_fast, 16);
  EXPECT_FALSE(deep.truncate);
  EXPECT_NEAR(deep.attention_factor,
              (0.1 * std::log(40) + 1) / (0.05 * std::log(40) + 1), 1e-12);
  const ModelConfig newer = scaling({{"rope_type", "linear"},
                                     {"factor", 2},
                                     {"rope_theta", 5e5},
                                     {"partial_rotary_factor", 0.5}},
                                    "rope_parameters");
  EXPECT_EQ(rope(newer).scaling.kind, kLinear);
  EXPECT_EQ(rope(newer).theta, 5e5);
  EXPECT_EQ(rope(newer).rotary_dim, 8);

  EXPECT_THAT(
      error_of(with(small(), {{"rope_scaling", {{"type", "longrope"}}}})),
      AllOf(HasSubstr("folder/config.json: rope_scaling.type"),
            HasSubstr("\"longrope\""), HasSubstr("llama3")));
  EXPECT_THAT(error_of(with(small(), {{"rope_scaling", {{"type", "yarn"}}}})),
              HasSubstr("rope_scaling.factor is missing"));
  EXPECT_THAT(error_of(with(small(), {{"rope_scaling",
                                       {{"type", "llama3"}, {"factor", 8}}}})),
              HasSubstr("rope_scaling.low_freq_factor is missing"));
  EXPECT_THAT(
      error_of(with(small(), {{"rope_scaling",
                               {{"type", "llama3"},
                                {"factor", 8},
                                {"low_freq_factor", 4},
                                {"high_freq_factor", 4},
                                {"original_max_position_embeddings", 8}}}})),
      HasSubstr("more than low_freq_factor (4)"));
  EXPECT_THAT(error_of(with(small(), {{"rope_scaling", 3}})),
              HasSubstr("expected an object"));
}

TEST(ConfigFromJson, TakesWholeNumbersWithAPoint) {
  const ModelConfig config =
      parse(with(small(), {{"hidden_size", 64.0},
                           {"max_position_embeddings", 512.0},
                           {"eos_token_id", {2.0, 7.0}}}));
  EXPECT_EQ(config.hidden_size, 64);
  EXPECT_EQ(config.n_positions, 512);
  EXPECT_THAT(config.eos, ElementsAre(2, 7));
}

// transformers 5 writes rotary parameters by type of layer for models that have
// several.
TEST(ConfigFromJson, ReadsRopeParametersByLayerType) {
  const json full = {
      {"rope_type", "linear"}, {"factor", 2}, {"rope_theta", 5e5}};
  const json sliding = {{"rope_type", "default"}, {"rope_theta", 3e4}};
  const ModelConfig same =
      parse(with(small(), {{"rope_parameters", {{"full_attention", full}}}}));
  EXPECT_EQ(rope(same).scaling.kind, RopeScaling::Kind::kLinear);
  EXPECT_EQ(rope(same).theta, 5e5);

  const json both = {{"full_attention", full}, {"sliding_attention", sliding}};
  const ModelConfig mixed =
      parse(with(small("Qwen2ForCausalLM"), {{"use_sliding_window", true},
                                             {"sliding_window", 16},
                                             {"max_window_layers", 1},
                                             {"rope_parameters", both}}));
  ASSERT_EQ(mixed.n_layers(), 3);
  EXPECT_EQ(mixed.layers[0].attention.rope.theta, 5e5);
  EXPECT_EQ(mixed.layers[0].attention.rope.scaling.factor, 2);
  EXPECT_EQ(mixed.layers[1].attention.rope.theta, 3e4);
  EXPECT_EQ(mixed.layers[2].attention.rope.scaling.kind,
            RopeScaling::Kind::kNone);
  EXPECT_THAT(error_of(with(small(), {{"rope_parameters",
                                       {{"sliding_attention", sliding}}}})),
              HasSubstr("rope_parameters.full_attention is missing"));
}

TEST(ConfigFromJson, JoinsTheTokensOfBothFiles) {
  const ModelConfig config =
      parse(with(small(), {{"bos_token_id", 5}, {"eos_token_id", 7}}),
            {{"bos_token_id", 6}, {"eos_token_id", {7, 9, 8}}});
  EXPECT_EQ(config.bos, 5);
  EXPECT_THAT(config.eos, ElementsAre(7, 9, 8));
  // A model without a BOS may have one for generation.
  EXPECT_EQ(parse(small("Qwen2ForCausalLM"), {{"bos_token_id", 6}}).bos, 6);
  // What the vocabulary lacks cannot be produced.
  const ModelConfig beyond = parse(
      with(small(), {{"bos_token_id", 100}, {"eos_token_id", {-1, 100, 99}}}));
  EXPECT_EQ(beyond.bos, -1);
  EXPECT_THAT(beyond.eos, ElementsAre(99));
  EXPECT_THAT(error_of(small(), {{"eos_token_id", "x"}}),
              HasSubstr("folder/generation_config.json: eos_token_id: found "
                        "\"x\", expected an integer"));
  EXPECT_THAT(error_of(with(small(), {{"eos_token_id", {1, 2.5}}})),
              HasSubstr("found 2.5"));
}

TEST(ConfigFromJson, NamesTheKeyTheValueAndWhatWasExpected) {
  const std::pair<json, const char*> cases[] = {
      {{{"hidden_size", 0}},
       "hidden_size: found 0, expected an integer from 1"},
      {{{"hidden_size", -4}}, "hidden_size: found -4"},
      {{{"hidden_size", 64.5}}, "hidden_size: found 64.5, expected an integer"},
      {{{"hidden_size", 1e300}}, "hidden_size: found 1e+300, expected"},
      {{{"rms_norm_eps", "NaN"}},
       "rms_norm_eps: found \"NaN\", expected a num"},
      {{{"architectures", json::array()}},
       "architectures: found an empty list, and no model_type, expected"},
      {{{"architectures", nullptr}, {"model_type", "gpt2"}},
       "architectures: found model_type \"gpt2\", expected one of"},
      {{{"hidden_size", "64"}}, "hidden_size: found \"64\""},
      {{{"hidden_size", {1}}}, "hidden_size: found array"},
      {{{"hidden_size", std::numeric_limits<std::uint64_t>::max()}},
       "hidden_size: found 18446744073709551615"},
      {{{"vocab_size", 1 << 30}}, "vocab_size: found 1073741824"},
      {{{"num_hidden_layers", 5000}}, "num_hidden_layers: found 5000"},
      {{{"num_key_value_heads", 3}},
       "num_key_value_heads: found 3, expected a divisor of "
       "num_attention_heads (4)"},
      {{{"num_attention_heads", 6}},
       "hidden_size: found 64, expected a multiple of num_attention_heads (6)"},
      {{{"head_dim", 15}}, "head_dim: found 15, expected an even number"},
      {{{"num_attention_heads", 16384}, {"head_dim", 4096}},
       "head_dim: found 4096, expected at most 256 with 16384 heads"},
      {{{"partial_rotary_factor", 0.2}},
       "partial_rotary_factor: found 3, expected an even number"},
      {{{"partial_rotary_factor", 1.5}}, "partial_rotary_factor: found 1.5"},
      {{{"rms_norm_eps", 0}}, "rms_norm_eps: found 0"},
      {{{"rope_theta", "x"}}, "rope_theta: found \"x\", expected a number"},
      {{{"rope_theta", 0.5}}, "rope_theta: found 0.5"},
      {{{"tie_word_embeddings", 1}},
       "tie_word_embeddings: found 1, expected true or false"},
      {{{"hidden_act", "gelu"}}, "hidden_act: found \"gelu\", expected silu"},
      {{{"hidden_act", 3}}, "hidden_act: found 3, expected a string"},
      {{{"quantization_config", {{"quant_method", "gptq"}}}},
       "quantization_config: found a quantised model"},
      {{{"architectures", {"GPT2LMHeadModel"}}},
       "architectures: found \"GPT2LMHeadModel\", expected one of "
       "LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, "
       "Qwen3ForCausalLM"},
      {{{"architectures", {7}}}, "architectures: found 7"},
  };
  for (const auto& [changes, expected] : cases) {
    EXPECT_THAT(error_of(with(small(), changes)),
                AllOf(HasSubstr("folder/config.json: "), HasSubstr(expected)));
  }
  EXPECT_THAT(error_of(json::object()),
              HasSubstr("architectures: found neither it nor model_type"));
  EXPECT_THAT(error_of(json::array()), HasSubstr("expected an object"));
  EXPECT_EQ(parse({{"model_type", "qwen2"}}).architecture, "qwen2");
}

// Every case that the fuzzer keeps gives a configuration or one line.
TEST(ConfigFromJson, SurvivesTheFuzzersCases) {
  test::try_corpus("config", [](const MappedFile& file) {
    const json value = parse_json_object(file.text(), "config.json");
    EXPECT_GT(config_from_json(value, value, "config.json").parameters(), 0);
  });
}

// The largest shapes that pass must not overflow what is computed from them.
TEST(ModelConfig, CountsTheParametersOfTheLargestModel) {
  const ModelConfig config = parse({{"architectures", {"Qwen3ForCausalLM"}},
                                    {"hidden_size", 1 << 20},
                                    {"intermediate_size", 1 << 22},
                                    {"vocab_size", 1 << 24},
                                    {"num_hidden_layers", 1 << 12},
                                    {"num_attention_heads", 1 << 14},
                                    {"num_key_value_heads", 1 << 14},
                                    {"head_dim", 256},
                                    {"attention_bias", true}});
  EXPECT_GT(config.parameters(), std::int64_t{1} << 54);
  EXPECT_LT(config.parameters(), std::int64_t{1} << 57);
}

std::map<std::string, GgufValue, std::less<>> small_gguf() {
  const auto number = [](std::uint64_t value) { return GgufValue(value); };
  return {{"general.architecture", std::string("llama")},
          {"llama.context_length", number(256)},
          {"llama.embedding_length", number(64)},
          {"llama.feed_forward_length", number(96)},
          {"llama.block_count", number(3)},
          {"llama.attention.head_count", number(4)},
          {"llama.attention.layer_norm_rms_epsilon", 1e-5},
          {"tokenizer.ggml.bos_token_id", number(1)},
          {"tokenizer.ggml.eos_token_id", number(2)},
          {"tokenizer.ggml.eot_token_id", number(7)}};
}

TensorView tensor(const std::string& name, std::vector<std::int64_t> shape) {
  return {.name = name, .dtype = DType::kF32, .shape = std::move(shape)};
}

ModelConfig parse_gguf_config(
    std::map<std::string, GgufValue, std::less<>> values,
    const std::map<std::string, GgufValue>& changes = {},
    const std::vector<TensorView>& tensors = {
        tensor("token_embd.weight", {100, 64})}) {
  for (const auto& [key, value] : changes) values[key] = value;
  return config_from_gguf(GgufMetadata("x.gguf", std::move(values)), tensors);
}

TEST(ConfigFromGguf, ReadsLlama) {
  const ModelConfig config = parse_gguf_config(small_gguf());
  EXPECT_EQ(config.architecture, "llama");
  EXPECT_EQ(config.vocab_size, 100);
  EXPECT_EQ(config.hidden_size, 64);
  EXPECT_EQ(ffn(config).intermediate_size, 96);
  EXPECT_EQ(config.n_layers(), 3);
  EXPECT_EQ(attention(config).n_heads, 4);
  EXPECT_EQ(attention(config).n_kv_heads, 4);
  EXPECT_EQ(attention(config).head_dim, 16);
  EXPECT_EQ(rope(config).rotary_dim, 16);
  EXPECT_EQ(config.n_positions, 256);
  EXPECT_EQ(config.rms_epsilon, 1e-5);
  EXPECT_EQ(rope(config).theta, 10000);
  EXPECT_TRUE(rope(config).interleaved);
  EXPECT_TRUE(config.tied_embeddings);
  EXPECT_FALSE(attention(config).bias || attention(config).output_bias ||
               ffn(config).bias || attention(config).qk_norm);
  EXPECT_EQ(config.bos, 1);
  EXPECT_THAT(config.eos, ElementsAre(2, 7));
}

TEST(ConfigFromGguf, ToleratesOddSpecialTokens) {
  const ModelConfig config = parse_gguf_config(
      small_gguf(),
      {{"tokenizer.ggml.bos_token_id", std::uint64_t{100}},
       {"tokenizer.ggml.eos_token_id", std::vector<std::int64_t>{5, 200, 2}},
       {"pilotfish.eos_token_ids", std::vector<std::int64_t>{2, 7, 9, 11}}});
  EXPECT_EQ(config.bos, -1);
  EXPECT_THAT(config.eos, ElementsAre(5, 2, 7, 9, 11));
  EXPECT_THAT(message_of([] {
                parse_gguf_config(small_gguf(), {{"tokenizer.ggml.bos_token_id",
                                                  std::string("x")}});
              }),
              HasSubstr("expected an integer"));
}

TEST(ConfigFromGguf, AsksTheTensorsWhatTheMetadataDoesNotSay) {
  const ModelConfig config = parse_gguf_config(
      small_gguf(), {},
      {tensor("token_embd.weight", {128, 64}), tensor("output.weight", {}),
       tensor("blk.0.attn_q.bias", {}), tensor("blk.0.attn_output.bias", {}),
       tensor("blk.0.ffn_up.bias", {}),
       tensor("blk.0.attn_q_norm.weight", {})});
  EXPECT_EQ(config.vocab_size, 128);
  EXPECT_FALSE(config.tied_embeddings);
  EXPECT_TRUE(attention(config).bias && attention(config).output_bias &&
              ffn(config).bias && attention(config).qk_norm);
  const ModelConfig vocabulary = parse_gguf_config(
      small_gguf(),
      {{"tokenizer.ggml.tokens", std::vector<std::string>(40, "x")}}, {});
  EXPECT_EQ(vocabulary.vocab_size, 40);
}

TEST(ConfigFromGguf, ReadsRopeScaling) {
  using enum RopeScaling::Kind;
  const auto scaling = [](const std::map<std::string, GgufValue>& changes) {
    return rope(parse_gguf_config(small_gguf(), changes)).scaling;
  };
  EXPECT_EQ(scaling({}).kind, kNone);
  EXPECT_EQ(scaling({{"llama.rope.scale_linear", 4.0}}).kind, kLinear);
  EXPECT_EQ(scaling({{"llama.rope.scale_linear", 4.0}}).factor, 4);
  EXPECT_EQ(scaling({{"llama.rope.scaling.factor", 2.0}}).kind, kLinear);
  EXPECT_EQ(scaling({{"llama.rope.scaling.factor", 0.0}}).kind, kNone);
  EXPECT_EQ(scaling({{"llama.rope.scaling.type", std::string("none")},
                     {"llama.rope.scaling.factor", 2.0}})
                .kind,
            kNone);
  const RopeScaling yarn = scaling(
      {{"llama.rope.scaling.type", std::string("yarn")},
       {"llama.rope.scaling.factor", 4.0},
       {"llama.rope.scaling.original_context_length", std::uint64_t{64}},
       {"llama.rope.scaling.attn_factor", 0.5}});
  EXPECT_EQ(yarn.kind, kYarn);
  EXPECT_EQ(yarn.original_positions, 64);
  EXPECT_NEAR(yarn.attention_factor, 0.5 * (0.1 * std::log(4) + 1), 1e-12);
}

TEST(ConfigFromGguf, NamesTheKeyTheValueAndWhatWasExpected) {
  const auto error = [](const std::map<std::string, GgufValue>& changes) {
    return message_of([&] { parse_gguf_config(small_gguf(), changes); });
  };
  const std::uint64_t huge = 1ull << 40;
  EXPECT_THAT(error({{"general.architecture", std::string("mamba")}}),
              AllOf(HasSubstr("x.gguf: key general.architecture"),
                    HasSubstr("\"mamba\", expected one of llama, qwen2")));
  EXPECT_THAT(error({{"llama.block_count", huge}}),
              HasSubstr("x.gguf: key llama.block_count: found 1099511627776, "
                        "expected an integer from 1 to 4096"));
  EXPECT_THAT(error({{"llama.block_count", std::string("3")}}),
              HasSubstr("expected an integer"));
  EXPECT_THAT(error({{"llama.attention.head_count_kv",
                      std::vector<std::int64_t>{4, 2, 4}}}),
              HasSubstr("a different number for each layer"));
  EXPECT_THAT(error({{"llama.attention.head_count_kv", std::uint64_t{3}}}),
              HasSubstr("attention.head_count_kv: found 3, expected a divisor "
                        "of attention.head_count (4)"));
  EXPECT_THAT(error({{"llama.attention.head_count", std::uint64_t{5}}}),
              HasSubstr("a multiple of attention.head_count (5)"));
  EXPECT_THAT(error({{"llama.attention.value_length", std::uint64_t{8}}}),
              HasSubstr("found 8, expected 16, the length of keys"));
  EXPECT_THAT(error({{"llama.expert_count", std::uint64_t{8}}}),
              HasSubstr("expert_count: found 8, expected a dense model"));
  EXPECT_THAT(error({{"llama.rope.scaling.type", std::string("longrope")}}),
              HasSubstr("found \"longrope\", expected none, linear or yarn"));
  EXPECT_THAT(error({{"llama.rope.freq_base", 0.0}}),
              HasSubstr("rope.freq_base: found 0"));
  auto missing = small_gguf();
  missing.erase("llama.embedding_length");
  EXPECT_THAT(message_of([&] { parse_gguf_config(missing); }),
              HasSubstr("key llama.embedding_length is missing"));
}

// Layers that the configuration does not have would be left out without a word.
TEST(ReadConfig, RefusesMoreLayersThanItSays) {
  const test::TemporaryFolder folder;
  const auto error = [&](std::int64_t layers) {
    return message_of(
        [&] { read_config(*Checkpoint::open(folder.path()), layers); });
  };
  test::write_random_model(folder.path(), {.n_layers = 3});
  json config = test::random_model_config({.n_layers = 3});
  config["num_hidden_layers"] = 2;
  std::ofstream(folder.path() / "config.json") << config.dump();
  EXPECT_THAT(error(0),
              AllOf(HasSubstr("tensor \"model.layers.2."),
                    HasSubstr("num_hidden_layers is 2, so there should be no "
                              "layer 2"),
                    HasSubstr("--n-layers 2")));
  EXPECT_EQ(error(2), "(nothing thrown)");
  EXPECT_EQ(error(1), "(nothing thrown)");
  EXPECT_THAT(error(3), HasSubstr("layers 3: must lie between 0 (all) and 2"));

  const auto file = folder.path() / "m.gguf";
  test::write_random_gguf(file, {.n_layers = 3});
  std::string bytes = test::read_file(file);
  const std::string key = "llama.block_count";
  bytes[bytes.find(key) + key.size() + 4] = 2;
  std::ofstream(file, std::ios::binary) << bytes;
  const auto gguf = Checkpoint::open(file);
  EXPECT_THAT(message_of([&] { read_config(*gguf); }),
              AllOf(HasSubstr("tensor \"blk.2."), HasSubstr("block_count is 2"),
                    HasSubstr("--n-layers 2")));
  EXPECT_EQ(read_config(*gguf, 2).n_layers(), 2);
}

// Sets the type of a GGUF file's tensor to one that is not read.
void spoil_type(const std::filesystem::path& file, const std::string& name,
                size_t dimensions) {
  std::string bytes = test::read_file(file);
  const size_t at = bytes.find(name) + name.size() + 4 + 8 * dimensions;
  bytes[at] = 19;  // iq1_s
  std::ofstream(file, std::ios::binary) << bytes;
}

// An output projection that is not read must not pass as tied embeddings, nor a
// bias as none.
TEST(ReadConfig, RefusesTensorsThatItWouldUseButCannotRead) {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "m.gguf";
  for (const auto& [name, dimensions] :
       {std::pair("output.weight", 2), {"blk.1.attn_q.bias", 1}}) {
    test::write_random_gguf(file, {.attention_bias = true});
    spoil_type(file, name, static_cast<size_t>(dimensions));
    EXPECT_THAT(message_of([&] { read_config(*Checkpoint::open(file)); }),
                HasSubstr(std::string(name) + "\" has type iq1_s (19)"));
  }
  EXPECT_EQ(read_config(*Checkpoint::open(file), 1).n_layers(), 1);
}

TEST(ReadConfig, ReadsTheFilesAtHand) {
  SKIP_WITHOUT_DATA("models/stories260K");
  const auto read = [](const char* path) {
    return read_config(*Checkpoint::open(test::data_path(path)));
  };
  const ModelConfig stories = read("models/stories260K");
  EXPECT_EQ(stories.n_layers(), 5);
  EXPECT_EQ(attention(stories).head_dim, 8);
  EXPECT_TRUE(stories.tied_embeddings);
  EXPECT_EQ(stories.bos, 1);
  EXPECT_THAT(stories.eos, ElementsAre(2, 1));
  const ModelConfig tiny = read("models/tiny-llama-bf16");
  EXPECT_EQ(tiny.n_positions, 2048);
  EXPECT_FALSE(tiny.tied_embeddings);
  const ModelConfig gguf = read("gguf/llama-2-tiny-random.gguf");
  EXPECT_EQ(gguf.hidden_size, 8);
  EXPECT_EQ(gguf.n_layers(), 1);
  EXPECT_EQ(gguf.vocab_size, 32000);
}

}  // namespace
}  // namespace pilotfish
