#include "pilotfish/recommended_sampling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "pilotfish/error.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RecommendedSamplingTest : public ::testing::Test {
 protected:
  RecommendedSampling read(const std::string& json) const {
    std::ofstream(folder_.path() / "generation_config.json") << json;
    return recommended_sampling(folder_.path());
  }
  std::string error(const std::string& json) const {
    try {
      read(json);
    } catch (const UsageError& wrong_kind) {
      return "";
    } catch (const Error& thrown) {
      return thrown.what();
    }
    return "";
  }

  test::TemporaryFolder folder_;
};

TEST_F(RecommendedSamplingTest, IsWhatTheFileSays) {
  const RecommendedSampling found = read(
      R"({"do_sample": true, "temperature": 0.7, "top_k": 20, "top_p": 0.8,
          "min_p": 0.05, "repetition_penalty": 1.05, "eos_token_id": 2})");
  EXPECT_THAT(found.stated, ElementsAre("repetition_penalty", "temperature",
                                        "top_k", "top_p", "min_p"));
  EXPECT_EQ(found.params.temperature, 0.7);
  EXPECT_EQ(found.params.top_k, 20);
  EXPECT_EQ(found.params.top_p, 0.8);
  EXPECT_EQ(found.params.min_p, 0.05);
  EXPECT_EQ(found.params.repetition_penalty, 1.05);
}

TEST_F(RecommendedSamplingTest, DoSampleDecides) {
  EXPECT_EQ(read(R"({"do_sample": true})").params.temperature, 1);
  const RecommendedSampling greedy =
      read(R"({"do_sample": false, "temperature": 0.7, "top_k": 20,
               "repetition_penalty": 1.1})");
  EXPECT_THAT(greedy.stated, ElementsAre("repetition_penalty", "temperature"));
  EXPECT_EQ(greedy.params.temperature, 0);
  EXPECT_EQ(greedy.params.top_k, 0);
  // Older files leave it out.
  EXPECT_EQ(read(R"({"temperature": 0.9, "top_p": 0.6})").params.top_p, 0.6);
  // What only chooses among draws says nothing alone.
  EXPECT_THAT(read(R"({"top_p": 0.6})").stated, IsEmpty());
}

TEST_F(RecommendedSamplingTest, NothingStatedIsNothing) {
  EXPECT_THAT(recommended_sampling(folder_.path()).stated, IsEmpty());
  EXPECT_THAT(recommended_sampling("nowhere/model.gguf").stated, IsEmpty());
  EXPECT_THAT(read(R"({"eos_token_id": [1, 2]})").stated, IsEmpty());
  EXPECT_THAT(read(R"({"temperature": null, "top_k": null})").stated,
              IsEmpty());
  // Beside a folder's weights, but not beside a GGUF file.
  read(R"({"temperature": 0.5})");
  EXPECT_THAT(recommended_sampling(folder_.path() / "model.gguf").stated,
              IsEmpty());
  EXPECT_THAT(recommended_sampling(folder_.path() / "model.safetensors").stated,
              ElementsAre("temperature"));
}

TEST_F(RecommendedSamplingTest, TopKIsOffAtZeroAndBelow) {
  EXPECT_EQ(read(R"({"temperature": 1, "top_k": -1})").params.top_k, 0);
  EXPECT_EQ(read(R"({"temperature": 1, "top_k": 40.0})").params.top_k, 40);
}

TEST_F(RecommendedSamplingTest, BadValuesNameFileAndKey) {
  EXPECT_THAT(error(R"({"temperature": "hot"})"),
              HasSubstr("generation_config.json: temperature: found \"hot\""));
  EXPECT_THAT(error(R"({"do_sample": 1})"), HasSubstr("do_sample: found 1"));
  EXPECT_THAT(error(R"({"temperature": -1})"),
              HasSubstr("generation_config.json: temperature"));
  EXPECT_THAT(error(R"({"temperature": 1, "top_p": 1.5})"),
              HasSubstr("generation_config.json: top_p"));
  EXPECT_THAT(error(R"({"temperature": 1, "top_k": 1e30})"),
              HasSubstr("generation_config.json: top_k"));
}

}  // namespace
}  // namespace pilotfish
