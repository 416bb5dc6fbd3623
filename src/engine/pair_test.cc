#include "pilotfish/pair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>

#include "pilotfish/error.h"
#include "random_model.h"
#include "source_dir.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using ::testing::HasSubstr;

std::filesystem::path shipped(std::string_view name) {
  return std::filesystem::path(test::source_dir()) / "models" / name;
}

OpenPairOptions shipped_pair() {
  return {.target = shipped(kShippedTarget),
          .draft = shipped(kShippedDraft),
          .load = {.threads = make_threads(1)}};
}

template <typename Call>
std::string pair_refusal(const Call& call) {
  try {
    call();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(Pair, OpensTargetAndDraftWithProgressOfEach) {
  OpenPairOptions options = shipped_pair();
  options.load.dtype = DType::kF32;  // is copied, so there is progress
  options.draft_dtype = DType::kF32;
  options.draft_layers = 1;
  std::set<PairPart> seen;
  options.progress = [&](PairPart part, double fraction) {
    EXPECT_GE(fraction, 0);
    EXPECT_LE(fraction, 1);
    seen.insert(part);
  };
  const Pair pair = open_pair(options);
  EXPECT_EQ(seen, (std::set{PairPart::kTarget, PairPart::kDraft}));
  ASSERT_NE(pair.draft, nullptr);
  EXPECT_NE(pair.tokenizer, nullptr);
  EXPECT_EQ(pair.draft->config().n_layers(), 1);
  EXPECT_GT(pair.target->config().n_layers(), 1);
  options.draft.clear();
  EXPECT_EQ(open_pair(options).draft, nullptr);
}

TEST(Pair, ADraftWithAnotherTokenizerIsRefused) {
  SKIP_WITHOUT_DATA("models/stories260K");
  OpenPairOptions options = shipped_pair();
  options.draft = test::data_path("models/stories260K");
  EXPECT_THAT(pair_refusal([&] { open_pair(options); }),
              HasSubstr("stories260K cannot draft for"));
}

// Sizes that differ may be padding or another vocabulary: where a tokenizer is
// missing nobody can tell.
TEST(Pair, ADraftOfAnotherSizeNeedsATokenizerToCompare) {
  test::TemporaryFolder folder;
  const auto path = [&](const char* name) { return folder.path() / name; };
  test::write_random_model(path("small"), {.vocab_size = 96});
  test::write_random_model(path("large"), {.vocab_size = 128});
  test::write_random_model(path("same"), {.vocab_size = 128});
  const auto refusal = [&](const std::filesystem::path& target,
                           const char* draft) {
    return pair_refusal(
        [&] { open_pair({.target = target, .draft = path(draft)}); });
  };
  EXPECT_EQ(refusal(path("large"), "same"), "nothing was refused");
  EXPECT_THAT(refusal(path("large"), "small"),
              HasSubstr("small cannot draft for " + path("large").string() +
                        ": it has 96 tokens, the target 128, and the target "
                        "has no tokenizer to compare them by"));
  EXPECT_THAT(refusal(shipped(kShippedTarget), "small"),
              HasSubstr("and the draft has no tokenizer to compare them by"));
}

TEST(Pair, WithoutATokenizerThereIsNoText) {
  test::TemporaryFolder folder;
  test::write_random_model(folder.path() / "model", {});
  const Pair pair = open_pair({.target = folder.path() / "model"});
  EXPECT_EQ(pair.tokenizer, nullptr);
  EXPECT_THAT(pair_refusal([&] { pair.text("a corpus"); }),
              HasSubstr("has no tokenizer, which a corpus needs"));
  EXPECT_THAT(pair_refusal([&] { prompt_tokens(pair, "x"); }),
              HasSubstr("which a prompt needs"));
  EXPECT_THAT(pair_refusal([&] { chat_template_of(pair, "x"); }),
              HasSubstr("which a chat template needs"));
}

TEST(Pair, TextsBecomeTokens) {
  OpenPairOptions options = shipped_pair();
  options.draft.clear();
  const Pair pair = open_pair(options);
  const Tokenizer& tokenizer = *pair.tokenizer;
  EXPECT_EQ(tokenizer.decode(plain_tokens(tokenizer, "Once upon")),
            "Once upon");
  const std::vector<Token> empty = prompt_tokens(pair, "");
  ASSERT_EQ(empty.size(), 1u);
  EXPECT_EQ(empty.front(), pair.target->config().bos);
  // However a word is split, one of its usual ways is banned.
  const auto words = usual_tokens(tokenizer, "Lily");
  EXPECT_GE(words.size(), 2u);
  EXPECT_EQ(std::set(words.begin(), words.end()).size(), words.size());
  EXPECT_EQ(words.front(), plain_tokens(tokenizer, "Lily"));
  EXPECT_EQ(words[1], plain_tokens(tokenizer, " Lily"));
  EXPECT_THAT(pair_refusal([&] { usual_tokens(tokenizer, ""); }),
              HasSubstr("the text is empty"));
  const ChatTemplate chat =
      chat_template_of(pair, "{{ bos_token }}{{ messages[0].content }}");
  EXPECT_THAT(chat.render({{"user", "hello", ""}}), HasSubstr("hello"));
}

TEST(Pair, PositionsAreThoseOfPromptAndText) {
  test::TemporaryFolder folder;
  test::RandomModelOptions model;
  model.n_positions = 64;
  test::write_random_model(folder.path() / "model", model);
  const Pair pair = open_pair({.target = folder.path() / "model"});
  EXPECT_EQ(positions_needed(pair, 10, 20), 30);
  EXPECT_EQ(positions_needed(pair, 10, 60), 64);
  EXPECT_EQ(positions_needed(pair, 10, -1), 64);
  EXPECT_EQ(
      positions_needed(pair, 10, std::numeric_limits<std::int64_t>::max()), 64);
}

TEST(Pair, AModelThatDoesNotShipIsNotFound) {
  EXPECT_EQ(shipped_model("no-such-model"), std::nullopt);
}

}  // namespace
}  // namespace pilotfish
