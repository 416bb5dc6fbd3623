#include "speculative/token_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using ::testing::HasSubstr;

std::string refusal(const std::function<void(SequenceOptions&)>& change) {
  SequenceOptions options;
  options.prompt = {1, 2, 3};
  change(options);
  try {
    check_fits(Sequence(options), 16, 8);
    return {};
  } catch (const UsageError& error) {
    return error.what();
  }
}

// Every place where a sequence holds tokens: 16 is not one of 16 tokens.
TEST(TokenChecks, TokensOutsideTheVocabularyAreRefusedWhereverTheyStand) {
  using O = SequenceOptions;
  EXPECT_EQ(refusal([](O&) {}), "");
  EXPECT_EQ(refusal([](O& o) {
              o.prompt = {15, 16};
            }),
            "prompt: token 16 at index 1 is outside the model's vocabulary of "
            "16");
  EXPECT_THAT(refusal([](O& o) { o.prompt = {-1}; }), HasSubstr("token -1"));
  EXPECT_THAT(refusal([](O& o) { o.stop_tokens = {16}; }),
              HasSubstr("stop ids: token 16"));
  EXPECT_THAT(refusal([](O& o) {
                o.prediction = {0, 16};
              }),
              HasSubstr("prediction: token 16 at index 1"));
  EXPECT_THAT(refusal([](O& o) { o.sampling.allowed_tokens = {16}; }),
              HasSubstr("allowed_tokens: token 16"));
  EXPECT_THAT(refusal([](O& o) { o.sampling.banned_tokens = {16}; }),
              HasSubstr("banned_tokens: token 16"));
  EXPECT_THAT(refusal([](O& o) {
                o.sampling.bad_words = {{1}, {2, 16}};
              }),
              HasSubstr("bad_words: token 16"));
  EXPECT_THAT(refusal([](O& o) {
                o.sampling.logit_bias = {{16, 1.f}};
              }),
              HasSubstr("logit_bias: token 16"));
}

TEST(TokenChecks, APromptLeavesRoomForOneMore) {
  EXPECT_EQ(refusal([](auto& o) { o.prompt.assign(7, 1); }), "");
  EXPECT_EQ(refusal([](auto& o) { o.prompt.assign(8, 1); }),
            "prompt: 8 tokens leave no room for another; n_positions is 8");
}

}  // namespace
}  // namespace pilotfish
