#include "sampling/constraints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

std::string constraint_refusal(const SamplingParams& params,
                               const std::vector<Token>& stop_tokens = {}) {
  try {
    check_leaves_tokens(params, stop_tokens, 4);
    return {};
  } catch (const UsageError& error) {
    return error.what();
  }
}

TEST(Constraints, SetsThatLeaveNothingAreNamed) {
  SamplingParams params;
  params.allowed_tokens = {1, 2};
  params.banned_tokens = {2};
  EXPECT_EQ(constraint_refusal(params), "");
  params.banned_tokens = {2, 1};
  EXPECT_EQ(constraint_refusal(params),
            "sampling: no token is left to generate with allowed_tokens, "
            "banned_tokens");

  params = {};
  params.banned_tokens = {0, 1, 3};
  EXPECT_EQ(constraint_refusal(params), "");
  params.bad_words = {{2, 2}};  // not everywhere
  EXPECT_EQ(constraint_refusal(params), "");
  params.bad_words = {{2}};
  EXPECT_EQ(
      constraint_refusal(params),
      "sampling: no token is left to generate with banned_tokens, bad_words");

  params = {};
  params.logit_bias = {{0, kNever}, {1, kNever}, {2, kNever}, {3, -1e30f}};
  EXPECT_EQ(constraint_refusal(params), "");
  params.logit_bias[3] = kNever;
  EXPECT_EQ(constraint_refusal(params),
            "sampling: no token is left to generate with logit_bias");
}

TEST(Constraints, StopTokensAloneAreNothingBeforeMinTokens) {
  SamplingParams params;
  params.allowed_tokens = {1, 3};
  EXPECT_EQ(constraint_refusal(params, {1, 3}), "");
  params.min_tokens = 5;
  EXPECT_EQ(constraint_refusal(params, {1}), "");
  EXPECT_EQ(constraint_refusal(params, {1, 3}),
            "sampling: only stop tokens are left to generate with "
            "allowed_tokens, min_tokens, and they cannot come before 5 tokens "
            "are generated");
  params.allowed_tokens = {};
  EXPECT_EQ(constraint_refusal(params, {1, 3}), "");
  EXPECT_THAT(constraint_refusal(params, {0, 1, 2, 3}),
              testing::HasSubstr("stop tokens"));
}

}  // namespace
}  // namespace pilotfish
