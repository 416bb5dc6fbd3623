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
            "sampling: allowed_tokens, banned_tokens leave no token to "
            "generate");

  params = {};
  params.banned_tokens = {0, 1, 3};
  EXPECT_EQ(constraint_refusal(params), "");
  params.bad_words = {{2, 2}};  // not everywhere
  EXPECT_EQ(constraint_refusal(params), "");
  params.bad_words = {{2}};
  EXPECT_EQ(constraint_refusal(params),
            "sampling: banned_tokens, bad_words leave no token to generate");

  params = {};
  params.logit_bias = {{0, kNever}, {1, kNever}, {2, kNever}, {3, -1e30f}};
  EXPECT_EQ(constraint_refusal(params), "");
  params.logit_bias[3] = kNever;
  EXPECT_EQ(constraint_refusal(params),
            "sampling: logit_bias leave no token to generate");
}

TEST(Constraints, StopTokensAloneAreNothingBeforeMinTokens) {
  SamplingParams params;
  params.allowed_tokens = {1, 3};
  EXPECT_EQ(constraint_refusal(params, {1, 3}), "");
  params.min_tokens = 5;
  EXPECT_EQ(constraint_refusal(params, {1}), "");
  EXPECT_EQ(constraint_refusal(params, {1, 3}),
            "sampling: allowed_tokens, min_tokens leave nothing but stop "
            "tokens, which cannot come before 5 tokens are generated");
  params.allowed_tokens = {};
  EXPECT_EQ(constraint_refusal(params, {1, 3}), "");
  EXPECT_THAT(constraint_refusal(params, {0, 1, 2, 3}),
              testing::HasSubstr("stop tokens"));
}

}  // namespace
}  // namespace pilotfish
