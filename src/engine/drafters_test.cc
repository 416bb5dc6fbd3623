#include "pilotfish/drafters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "engine/drafters.h"
#include "pilotfish/error.h"
#include "speculative/testing/table_scorer.h"

namespace pilotfish {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Names = std::vector<std::string>;

template <typename Call>
std::string drafter_refusal(const Call& call) {
  try {
    call();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(Drafters, TheTableNamesEachOnceAndSaysWhatItIs) {
  std::set<std::string_view> names;
  for (const DrafterInfo& info : drafter_infos()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_FALSE(info.help.empty()) << info.name;
    EXPECT_TRUE(!info.needs_input || info.input != DraftInput::kNone);
    EXPECT_EQ(drafter_info(info.name).help, info.help);
  }
  EXPECT_TRUE(names.contains("model"));
  EXPECT_FALSE(names.contains("none"));
}

// Everything in the table can be made where its input is there, and is refused
// where it needs one that is not.
TEST(Drafters, EveryEntryMakesADrafter) {
  test::TableScorer target(test::LogitTable(16, 7, 1));
  test::TableScorer draft(test::LogitTable(16, 7, 2));
  for (const DrafterInfo& info : drafter_infos()) {
    const EngineOptions options = {.drafters = {std::string(info.name)}};
    if (info.input == DraftInput::kLayers) {  // a table has none
      EXPECT_THROW(make_drafter(options, target, &draft), UsageError);
      continue;
    }
    EXPECT_NE(make_drafter(options, target, &draft), nullptr) << info.name;
    if (info.input == DraftInput::kDraftModel) {
      EXPECT_THROW(make_drafter(options, target, nullptr), UsageError);
    }
  }
}

TEST(Drafters, ListsAreParsedInTheirOrder) {
  EXPECT_THAT(parse_drafters("suffix,model"), ElementsAre("suffix", "model"));
  EXPECT_THAT(parse_drafters("none"), IsEmpty());
  EXPECT_EQ(drafters_text(parse_drafters("suffix,model")), "suffix, model");
  EXPECT_EQ(drafters_text({}), "none");
  EXPECT_THAT(drafter_refusal([] { parse_drafters("eagle"); }),
              HasSubstr("found \"eagle\", expected "));
  EXPECT_THAT(drafter_refusal([] { parse_drafters(""); }),
              HasSubstr("found \"\""));
  EXPECT_THAT(drafter_refusal([] { parse_drafters("model,"); }),
              HasSubstr("found \"\""));
  EXPECT_THAT(drafter_refusal([] { parse_drafters("ngram,ngram"); }),
              HasSubstr("ngram: is listed twice"));
}

TEST(Drafters, AreChosenByWhatIsGiven) {
  using I = DraftInput;
  const std::vector<I> all = {I::kDraftModel, I::kCorpus, I::kPrediction};
  EXPECT_THAT(choose_drafters("", {}), IsEmpty());
  EXPECT_THAT(choose_drafters("", all),
              ElementsAre("prediction", "suffix", "model"));
  EXPECT_THAT(choose_drafters("skip,ngram", {}), ElementsAre("skip", "ngram"));
  EXPECT_THAT(choose_drafters("suffix", {}), ElementsAre("suffix"));
  const std::vector<I> draft = {I::kDraftModel};
  EXPECT_THAT(choose_drafters("ngram", draft), ElementsAre("ngram"));
  EXPECT_THAT(drafter_refusal([] { choose_drafters("model", {}); }),
              HasSubstr("drafter model: needs a draft model"));
  const std::vector<I> corpus = {I::kCorpus};
  EXPECT_THAT(drafter_refusal([&] { choose_drafters("ngram", corpus); }),
              HasSubstr("a corpus is for drafter suffix"));
}

TEST(Drafters, WhatAConstraintForcesGoesIntoTheDraftsOfOthers) {
  using I = DraftInput;
  const std::vector<I> given = {I::kDraftModel, I::kConstraint};
  EXPECT_THAT(choose_drafters("", given), ElementsAre("grammar", "model"));
  EXPECT_THAT(choose_drafters("model", given), ElementsAre("model"));
  const std::vector<I> alone = {I::kConstraint};
  EXPECT_THAT(choose_drafters("", alone), ElementsAre("grammar"));
  EXPECT_THAT(choose_drafters("ngram", alone), ElementsAre("ngram"));
  EXPECT_THAT(choose_drafters("grammar,model", given),
              ElementsAre("grammar", "model"));
  EXPECT_THAT(choose_drafters("grammar,suffix", given),
              ElementsAre("grammar", "suffix"));
  EXPECT_THAT(drafter_refusal([] { choose_drafters("grammar", {}); }),
              HasSubstr("drafter grammar: needs a constraint"));
}

TEST(Drafters, AnIterationSaysWhichDrafted) {
  const test::LogitTable table(16, 7, 1);
  const auto scorer = [&] {
    return std::make_shared<test::TableScorer>(table);
  };
  Engine engine({.target = scorer(), .draft = scorer()},
                {.window = 3, .drafters = {"prediction", "model"}});
  EXPECT_THAT(engine.drafters(), ElementsAre("prediction", "model"));
  Request request;
  request.prompt = {3};
  request.max_tokens = 20;
  const Generation plain = engine.generate(request);
  ASSERT_EQ(plain.stats.summary.by_drafter.size(), 2u);
  EXPECT_EQ(plain.stats.summary.by_drafter[0].drafted, 0);
  EXPECT_EQ(plain.stats.summary.by_drafter[1].drafted,
            plain.stats.summary.drafted);
  request.prediction.assign(plain.tokens.begin(), plain.tokens.begin() + 10);
  const Generation half = engine.generate(request);
  EXPECT_EQ(half.tokens, plain.tokens);
  EXPECT_GT(half.stats.summary.by_drafter[0].accepted, 4);
  EXPECT_GT(half.stats.summary.by_drafter[1].accepted, 4);
}

TEST(Drafters, TreesNeedADrafterAndAnAcceptorForThem) {
  const auto block = make_acceptor("block");
  const Names model = {"model"};
  const Names suffix = {"suffix"};
  check_tree(3, model, *block);
  check_tree(1, suffix, *block);
  EXPECT_THAT(drafter_refusal([&] { check_tree(0, model, *block); }),
              HasSubstr("tree_width: 0 is out of range"));
  EXPECT_THAT(drafter_refusal([&] { check_tree(2, suffix, *block); }),
              HasSubstr("drafter suffix makes no trees"));
  EXPECT_THAT(
      drafter_refusal([&] { check_tree(2, model, *make_acceptor("typical")); }),
      HasSubstr("the acceptor typical judges one candidate per place"));
}

}  // namespace
}  // namespace pilotfish
