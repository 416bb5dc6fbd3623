#include "cli/trace_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "cli/trace_text.h"
#include "html_page.h"

namespace pilotfish::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

// Tokens that stand for these bytes.
class PieceTokenizer : public Tokenizer {
 public:
  explicit PieceTokenizer(std::vector<std::string> pieces)
      : pieces_(std::move(pieces)) {}

  std::vector<Token> encode(std::string_view,
                            const EncodeOptions&) const override {
    return {};
  }
  std::string decode(std::span<const Token> tokens,
                     bool skip_special) const override {
    std::string text;
    for (const Token token : tokens) {
      if (skip_special && is_special(token)) continue;
      text += pieces_.at(static_cast<size_t>(token));
    }
    return text;
  }
  size_t vocab_size() const override { return pieces_.size(); }
  std::string_view token_text(Token token) const override {
    return pieces_.at(static_cast<size_t>(token));
  }
  std::optional<Token> find(std::string_view) const override { return {}; }
  bool is_special(Token token) const override {
    return token_text(token) == "</s>";
  }
  std::optional<Token> bos() const override { return {}; }
  std::optional<Token> eos() const override { return {}; }
  const std::string& chat_template() const override { return template_; }

 private:
  std::vector<std::string> pieces_;
  std::string template_;
};

// A pass that drafts `drafted`, of which `accepted` are kept, then adds `own`.
void add_pass(Generation& generation, std::vector<Token> drafted,
              size_t accepted, Token own) {
  IterationStats pass;
  pass.drafted = static_cast<std::int64_t>(drafted.size());
  pass.accepted = static_cast<std::int64_t>(accepted);
  pass.emitted = pass.accepted + 1;
  pass.draft_seconds = 0.001;
  pass.verify_seconds = 0.002;
  pass.total_seconds = 0.004;
  for (size_t i = 0; i < drafted.size(); ++i) {
    pass.proposals.push_back({drafted[i], 0.25, i < accepted ? 0.5 : 0.0123,
                              static_cast<std::int32_t>(i) - 1});
  }
  for (size_t i = 0; i < accepted; ++i) {
    generation.tokens.push_back(drafted[i]);
    generation.origins.push_back(Origin::kAccepted);
  }
  generation.tokens.push_back(own);
  generation.origins.push_back(accepted == drafted.size() ? Origin::kBonus
                                                          : Origin::kRecovered);
  generation.stats.iterations.push_back(pass);
  generation.stats.generated_tokens += pass.emitted;
}

std::string page_of(const Generation& generation, const Tokenizer* tokenizer,
                    const std::vector<Token>& prompt = {0}) {
  return trace_page({generation,
                     prompt,
                     tokenizer,
                     "target with draft",
                     {{"Machine", "<any>"}}});
}

Json guess(const char* text, double p, double q) { return {text, p, q}; }

TEST(TracePage, HasWhatEachPassDid) {
  const PieceTokenizer tokenizer({"Once", " upon", " a", " time", " cat"});
  Generation generation;
  add_pass(generation, {1, 4, 3}, 1, 2);  // "a" instead of "cat"
  add_pass(generation, {3}, 1, 4);
  const std::string page = page_of(generation, &tokenizer);
  EXPECT_EQ(test::html_fault(page), "");
  const Json data = test::data_of(page);
  EXPECT_EQ(data["kind"], "trace");
  EXPECT_EQ(data["models"], "target with draft");
  EXPECT_THAT(data["facts"], ElementsAre(Json({"Machine", "<any>"})));
  EXPECT_EQ(data["prompt"], "Once");
  EXPECT_THAT(data["tokens"], ElementsAre(" upon", " a", " time", " cat"));
  EXPECT_EQ(data["origins"], "arab");
  ASSERT_EQ(data["passes"].size(), 2);
  const Json& first = data["passes"][0];
  EXPECT_EQ(first["emitted"], 2);
  EXPECT_EQ(first["drafted"], 3);
  EXPECT_THAT(first["accepted"], ElementsAre(guess(" upon", 0.5, 0.25)));
  EXPECT_THAT(first["rejected"], ElementsAre(guess(" cat", 0.0123, 0.25),
                                             guess(" time", 0.0123, 0.25)));
  EXPECT_THAT(first["microseconds"], ElementsAre(1000, 2000, 4000));
  const Json& second = data["passes"][1];
  EXPECT_THAT(second["accepted"], ElementsAre(guess(" time", 0.5, 0.25)));
  EXPECT_TRUE(second["rejected"].empty());
}

// "a" and "the" compete for the first place, "cat" and "dog" follow "the".
TEST(TracePage, OfATreeThePathWasKept) {
  const PieceTokenizer tokenizer({"Once", " a", " the", " cat", " dog", "."});
  Generation generation;
  add_pass(generation, {2, 4}, 2, 5);
  IterationStats& pass = generation.stats.iterations.front();
  pass.drafted = 4;
  pass.tree_depth = 2;
  pass.proposals = {
      {1, 0.6, 0.2, -1}, {2, 0.3, 0.7, -1}, {3, 0.5, 0.1, 1}, {4, 0.4, 0.9, 1}};
  const Json data = test::data_of(page_of(generation, &tokenizer));
  ASSERT_EQ(data["passes"].size(), 1);
  const Json& only = data["passes"][0];
  EXPECT_EQ(only["drafted"], 4);
  EXPECT_THAT(only["accepted"],
              ElementsAre(guess(" the", 0.7, 0.3), guess(" dog", 0.9, 0.4)));
  EXPECT_THAT(only["rejected"],
              ElementsAre(guess(" a", 0.2, 0.6), guess(" cat", 0.1, 0.5)));
  EXPECT_EQ(data["origins"], "aab");
}

TEST(TracePage, CountsThePassesBehindAPlace) {
  Generation generation;
  add_pass(generation, {}, 0, 7);
  add_pass(generation, {1, 2, 3}, 1, 7);
  add_pass(generation, {1}, 1, 7);
  generation.stats.summary.add(generation.stats.iterations);
  const Json stats = test::data_of(page_of(generation, nullptr))["stats"];
  EXPECT_THAT(stats["acceptance_per_position"], ElementsAre(1, 0, 0));
  EXPECT_THAT(stats["drafted_per_position"], ElementsAre(2, 1, 1));
}

TEST(TracePage, ProbabilitiesAreShortAndNotRoundedToOne) {
  Generation generation;
  add_pass(generation, {1, 2}, 1, 7);
  std::vector<Proposal>& proposals =
      generation.stats.iterations.front().proposals;
  proposals[0].target_probability = 0.99999;
  proposals[0].draft_probability = 1;
  proposals[1].target_probability = 1.23456789e-7;
  proposals[1].draft_probability = 0;
  const std::string page = page_of(generation, nullptr);
  EXPECT_THAT(page, HasSubstr("[\"1 \",0.9999,1.0]"));
  EXPECT_THAT(page, HasSubstr("[\"2 \",1.235e-07,0.0]"));
}

TEST(TracePage, HostileTokensAreData) {
  const std::vector<std::string> pieces = {"<script>alert(1)</script>",
                                           "\"><img src=x onerror=alert(1)>",
                                           "</span></a></section>",
                                           "\xE2\x80\xAE reversed",
                                           "\xFF\xFE",
                                           std::string("\0\x1b[2J", 5),
                                           "\xE2\x81\xA6",
                                           "</style><style>*{display:none}",
                                           "<!--",
                                           "&#60;b&#62;",
                                           "]]>",
                                           "</s>"};
  const PieceTokenizer tokenizer(pieces);
  Generation generation;
  std::vector<Token> all;
  for (size_t i = 0; i < pieces.size(); ++i) {
    all.push_back(static_cast<Token>(i));
  }
  add_pass(generation, all, 6, 1);
  add_pass(generation, all, all.size(), 0);
  const std::string page = page_of(generation, &tokenizer, all);
  EXPECT_EQ(test::html_fault(page), "");
  EXPECT_EQ(page.find('\0'), std::string::npos);
  EXPECT_EQ(page.find('\x1b'), std::string::npos);
  const Json data = test::data_of(page);
  const std::vector<std::string> tokens = data["tokens"];
  for (const size_t same : {0, 1, 2, 3, 5})
    EXPECT_EQ(tokens[same], pieces[same]);
  EXPECT_EQ(data["passes"][1]["accepted"][8][0], "<!--");
}

// All that a pass can hold, and as many passes as tokens.
class SizeTest : public ::testing::TestWithParam<size_t> {};

TEST_P(SizeTest, StaysBelowAMegabyte) {
  std::vector<std::string> pieces(64, "<>&\"<>&\"");  // long when escaped
  pieces.push_back(std::string(300, '<'));
  const PieceTokenizer tokenizer(pieces);
  Generation generation;
  const size_t drafted = GetParam();
  for (Token pass = 0; pass < 2000; ++pass) {
    // Now and then a guess that is far too long.
    std::vector<Token> draft(drafted, pass % 65);
    add_pass(generation, draft, 0, 3);
  }
  const std::string page = page_of(generation, &tokenizer);
  EXPECT_LT(page.size(), 1'000'000);
  EXPECT_EQ(test::html_fault(page), "");
  const Json passes = test::data_of(page)["passes"];
  ASSERT_EQ(passes.size(), 2000);
  for (const Json& pass : passes) {
    ASSERT_EQ(pass["rejected"].size() + pass.value("more", 0), drafted);
  }
}

INSTANTIATE_TEST_SUITE_P(DraftedAPass, SizeTest, ::testing::Values(0, 4, 63));

TEST(TracePage, HasTheFirstOfVeryManyPasses) {
  Generation generation;
  for (int pass = 0; pass < 2100; ++pass) add_pass(generation, {}, 0, 7);
  const std::string page = page_of(generation, nullptr);
  EXPECT_EQ(test::html_fault(page), "");
  const Json passes = test::data_of(page)["passes"];
  ASSERT_EQ(passes.size(), 2100);
  EXPECT_TRUE(passes[1999].contains("microseconds"));
  EXPECT_EQ(passes[2000], Json({{"emitted", 1}}));
}

TEST(TracePage, OfALongPromptHasTheBeginning) {
  // The 20,000th byte would cut the "é" in two.
  const PieceTokenizer tokenizer({std::string(19999, 'x') + "éyy"});
  const Json data = test::data_of(page_of(Generation(), &tokenizer, {0}));
  EXPECT_EQ(data["prompt"], std::string(19999, 'x'));
  EXPECT_EQ(data["prompt_bytes_left"], 4);
}

TEST(TracePage, TakesATextThatEndedAtOnce) {
  const PieceTokenizer tokenizer({"a", "</s>"});
  Generation cancelled;
  EXPECT_EQ(test::html_fault(page_of(cancelled, &tokenizer)), "");

  Generation cut;  // a stop token inside the draft
  add_pass(cut, {0, 1, 0}, 3, 0);
  cut.tokens.resize(2);
  cut.origins.resize(2);
  cut.stats.iterations.back().emitted = 2;
  const std::string page = page_of(cut, &tokenizer);
  EXPECT_EQ(test::html_fault(page), "");
  const Json data = test::data_of(page);
  EXPECT_THAT(data["tokens"], ElementsAre("a", "</s>"));
  EXPECT_EQ(data["passes"][0]["emitted"], 2);
  EXPECT_EQ(data["passes"][0]["accepted"].size(), 3);
}

TEST(TraceText, ACharacterOverTokensShowsInItsLast) {
  const PieceTokenizer tokenizer({"\xC3", "\xA9", "x", "</s>"});
  const std::vector<Token> tokens = {0, 1, 2, 3};
  EXPECT_THAT(token_texts(&tokenizer, {}, tokens),
              ElementsAre("…", "é", "x", "</s>"));
  EXPECT_THAT(token_texts(nullptr, {}, tokens),
              ElementsAre("0 ", "1 ", "2 ", "3 "));
}

}  // namespace
}  // namespace pilotfish::cli
