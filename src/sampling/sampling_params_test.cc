#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "pilotfish/error.h"
#include "pilotfish/sampling.h"

namespace pilotfish {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The message with which the parameters are refused; empty: they are not.
std::string refusal(const SamplingParams& params) {
  try {
    validate(params);
    return {};
  } catch (const UsageError& error) {
    return error.what();
  }
}

TEST(SamplingFields, DefaultsAreInRange) { EXPECT_EQ(refusal({}), ""); }

TEST(SamplingFields, EveryNumberIsHeldToItsRange) {
  constexpr double kHuge = std::numeric_limits<double>::infinity();
  for (const SamplingField& field : kSamplingFields) {
    const SamplingRange& range = field.range;
    const auto refused = [&](auto member, auto value) {
      SamplingParams params;
      params.*member = value;
      const std::string message = refusal(params);
      if (message.empty()) return false;
      EXPECT_THAT(message, AllOf(HasSubstr(std::string(field.name) + ": "),
                                 HasSubstr(std::string(range.allowed))));
      return true;
    };
    if (const auto* number =
            std::get_if<double SamplingParams::*>(&field.member)) {
      EXPECT_TRUE(refused(*number, std::nan(""))) << field.name;
      EXPECT_TRUE(refused(*number, kHuge)) << field.name;
      EXPECT_TRUE(refused(*number, std::nextafter(range.least, -kHuge)));
      EXPECT_TRUE(refused(*number, std::nextafter(range.most, kHuge)));
      if (std::isfinite(range.least)) {
        EXPECT_EQ(refused(*number, range.least), !range.least_itself)
            << field.name;
      }
      if (std::isfinite(range.most)) {
        EXPECT_FALSE(refused(*number, range.most)) << field.name;
      }
    } else if (const auto* count =
                   std::get_if<std::int64_t SamplingParams::*>(&field.member)) {
      const auto least = static_cast<std::int64_t>(range.least);
      EXPECT_TRUE(refused(*count, least - 1)) << field.name;
      EXPECT_FALSE(refused(*count, least)) << field.name;
      EXPECT_FALSE(refused(*count, std::int64_t{1} << 40)) << field.name;
    }
  }
}

// The ranges themselves, and the messages, in words.
TEST(SamplingFields, RefusalsNameParameterValueAndRange) {
  SamplingParams params;
  params.top_p = 1.5;
  EXPECT_EQ(refusal(params),
            "top_p: 1.5 is out of range; allowed is above 0 and up to 1 (off)");
  params = {.repetition_penalty = 0};
  EXPECT_THAT(refusal(params), HasSubstr("repetition_penalty: 0 is out"));
  params = {.min_p = -0.5};
  EXPECT_THAT(refusal(params), HasSubstr("min_p: -0.5 is out"));
  params = {.banned_tokens = {3, -1}};
  EXPECT_THAT(refusal(params), HasSubstr("banned_tokens: -1 is out"));
  params = {.bad_words = {{1}, {}}};
  EXPECT_THAT(refusal(params), HasSubstr("bad_words: one is empty"));
  params = {.bad_words = {{1, -2}}};
  EXPECT_THAT(refusal(params), HasSubstr("bad_words: -2"));
  params = {.logit_bias = {{4, std::nanf("")}}};
  EXPECT_THAT(refusal(params), HasSubstr("logit_bias: nan"));
  params = {.logit_bias = {{4, -HUGE_VALF}}};
  EXPECT_EQ(refusal(params), "");
}

// What the table says is what the world sees, so no two entries may claim the
// same name or flag, nor two the same member.
TEST(SamplingFields, NamesFlagsAndMembersAreDistinct) {
  std::set<std::string> names;
  std::set<std::string> flags;
  const auto& fields = kSamplingFields;
  for (const SamplingField& field : fields) {
    EXPECT_TRUE(names.emplace(field.name).second) << field.name;
    EXPECT_TRUE(flags.emplace(field.flag()).second) << field.flag();
    EXPECT_TRUE(field.flags.starts_with("--")) << field.flags;
    EXPECT_FALSE(field.help.empty()) << field.name;
    EXPECT_EQ(std::count_if(std::begin(fields), std::end(fields),
                            [&](const SamplingField& other) {
                              return other.member == field.member;
                            }),
              1)
        << field.name;
  }
}

// A parameter without an entry would be neither checked nor shown. The sum of
// the members' sizes is that of the struct but for padding, which is less than
// the smallest member.
TEST(SamplingFields, EveryParameterHasAnEntry) {
  size_t bytes = 0;
  for (const SamplingField& field : kSamplingFields) {
    std::visit([&](auto member) { bytes += sizeof(SamplingParams{}.*member); },
               field.member);
  }
  EXPECT_EQ(bytes, sizeof(SamplingParams));
}

TEST(SamplingFields, TextTellsWhatDiffersFromTheDefaults) {
  EXPECT_EQ(sampling_text({}), "temperature 0, seed 0");
  SamplingParams params;
  params.temperature = 0.7;
  params.seed = 3;
  params.top_k = 40;
  params.repetition_penalty = 1.25;
  params.bad_words = {{1}, {2, 3}};
  EXPECT_EQ(sampling_text(params),
            "temperature 0.7, seed 3, bad-word: 2 given, repetition-penalty "
            "1.25, top-k 40");
}

}  // namespace
}  // namespace pilotfish
