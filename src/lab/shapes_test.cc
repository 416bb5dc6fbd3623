#include "pilotfish/lab/shapes.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "model/config.h"

namespace pilotfish {
namespace {

// Parameters as the models' safetensors files hold them (the figure that the
// Hugging Face hub shows), or as published where there is none.
const std::map<std::string, std::int64_t> kParameters = {
    {"llama-2-7b", 6738415616},      {"llama-2-13b", 13015864320},
    {"llama-2-70b", 68976648192},    {"llama-3-8b", 8030261248},
    {"llama-3-70b", 70553706496},    {"llama-3.1-8b", 8030261248},
    {"llama-3.1-70b", 70553706496},  {"llama-3.1-405b", 405853388800},
    {"llama-3.2-1b", 1235814400},    {"llama-3.2-3b", 3212749824},
    {"llama-3.3-70b", 70553706496},  {"tinyllama-1.1b", 1100048384},
    {"mistral-7b-v0.1", 7241732096}, {"mistral-7b-v0.3", 7248023552},
    {"qwen2.5-0.5b", 494032768},     {"qwen2.5-1.5b", 1543714304},
    {"qwen2.5-3b", 3085938688},      {"qwen2.5-7b", 7615616512},
    {"qwen2.5-14b", 14770033664},    {"qwen2.5-32b", 32763876352},
    {"qwen2.5-72b", 72706203648},    {"qwen3-0.6b", 596049920},
    {"qwen3-1.7b", 1720574976},      {"qwen3-4b", 4022468096},
    {"qwen3-8b", 8190735360},        {"qwen3-14b", 14768307200},
    {"qwen3-32b", 32762123264},      {"llama-68m", 68030208},
    {"llama-160m", 162417408},       {"stories-260k", 260032},
    {"stories-15m", 15191712},       {"stories-42m", 41689600},
    {"stories-110m", 109529856},
};

TEST(Shapes, HaveTheParametersOfTheModels) {
  EXPECT_EQ(shapes().size(), kParameters.size());
  for (const auto& [name, parameters] : kParameters) {
    const Shape* shape = find_shape(name);
    ASSERT_NE(shape, nullptr) << name;
    EXPECT_EQ(shape->name, name);
    EXPECT_EQ(shape->config.parameters(), parameters) << name;
  }
}

TEST(Shapes, AreConfigurationsThatLoadingWouldAccept) {
  std::set<std::string> names;
  for (const Shape& shape : shapes()) {
    EXPECT_TRUE(names.insert(shape.name).second) << shape.name;
    EXPECT_NO_THROW(
        check_config(shape.config, Checkpoint::Kind::kHuggingFace, shape.name));
    EXPECT_LT(shape.config.bos, shape.config.vocab_size);
    for (const Token end : shape.config.eos) {
      EXPECT_LT(end, shape.config.vocab_size) << shape.name;
    }
  }
}

TEST(Shapes, AreFoundInAnySpelling) {
  for (const char* name : {"Llama-2-70B", "llama2-70b", "LLAMA_2_70B"}) {
    const Shape* shape = find_shape(name);
    ASSERT_NE(shape, nullptr) << name;
    EXPECT_EQ(shape->name, "llama-2-70b");
  }
  EXPECT_EQ(find_shape("llama-3-405b"), find_shape("llama-3.1-405b"));
  EXPECT_EQ(find_shape("Mistral-7B"), find_shape("mistral-7b-v0.3"));
  EXPECT_EQ(find_shape("TinyLlama"), find_shape("tinyllama-1.1b"));
  for (const char* name : {"", "llama", "llama-2-71b", "llama-2-70b-x"}) {
    EXPECT_EQ(find_shape(name), nullptr) << name;
  }
}

TEST(WeightBytes, AreTheParametersInPlainTypes) {
  for (const Shape& shape : shapes()) {
    const std::int64_t parameters = shape.config.parameters();
    EXPECT_EQ(weight_bytes(shape.config, DType::kBF16), 2 * parameters);
    EXPECT_EQ(weight_bytes(shape.config, DType::kF32), 4 * parameters);
  }
}

// 4096 * 32000 * 2 + 32 layers of 4 * 4096² + 3 * 4096 * 11008 elements in
// blocks of 32 that take 34 bytes, and 65 norms of 4096 floats.
TEST(WeightBytes, CountBlocksAndFloatNorms) {
  const ModelConfig& config = find_shape("llama-2-7b")->config;
  const std::int64_t elements =
      2 * 4096LL * 32000 + 32 * (4 * 4096LL * 4096 + 3 * 4096LL * 11008);
  EXPECT_EQ(weight_bytes(config, DType::kQ8_0),
            elements / 32 * 34 + 65 * 4096 * 4);
}

// Rows of 896 elements are no whole super-blocks of 256, rows of 4864 are.
TEST(WeightBytes, KeepRowsThatAreNoWholeBlocksInF16) {
  const ModelConfig& config = find_shape("qwen2.5-0.5b")->config;
  const std::int64_t rows_of_896 =
      151936 + 24 * (896 + 2 * 128 + 2 * 4864 + 896);
  const std::int64_t down = 24 * 896LL * 4864 / 256 * 144;
  const std::int64_t vectors = 24 * (2 * 896 + 896 + 2 * 128) + 896;
  EXPECT_EQ(weight_bytes(config, DType::kQ4_K),
            rows_of_896 * 896 * 2 + down + 4 * vectors);
}

TEST(LookupBytes, AreTheEmbeddingUnlessItIsTheOutputToo) {
  EXPECT_EQ(lookup_bytes(find_shape("llama-2-7b")->config, DType::kBF16),
            32000 * 4096 * 2);
  EXPECT_EQ(lookup_bytes(find_shape("llama-3.2-1b")->config, DType::kBF16), 0);
}

}  // namespace
}  // namespace pilotfish
