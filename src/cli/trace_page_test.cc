#include "cli/trace_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "cli/trace_text.h"
#include "html_page.h"

namespace pilotfish::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

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

TEST(TracePage, ShowsWhatEachPassDid) {
  const PieceTokenizer tokenizer({"Once", " upon", " a", " time", " cat"});
  Generation generation;
  add_pass(generation, {1, 4, 3}, 1, 2);  // "a" instead of "cat"
  add_pass(generation, {3}, 1, 4);
  const std::string page = page_of(generation, &tokenizer);
  EXPECT_EQ(test::html_fault(page), "");
  EXPECT_THAT(page, HasSubstr("<a class=\"pass\" href=\"#p1\"><span "
                              "class=\"a\"> upon</span><span class=\"r\"> "
                              "a</span></a>"));
  EXPECT_THAT(page, HasSubstr("<span class=\"b\"> cat</span>"));
  EXPECT_THAT(
      test::table_rows(page, "passes"),
      ElementsAre(
          ElementsAre("1", "1 of 3", "␣upon.5.25", "␣cat.012.25␣time.012.25",
                      "␣arecovered", "4 ms, with the prompt"),
          ElementsAre("2", "1 of 1", "␣time.5.25", "", "␣catbonus", "4 ms")));
}

// "a" and "the" compete for the first place, "cat" and "dog" follow "the".
TEST(TracePage, ATreeShowsThePathThatWasKept) {
  const PieceTokenizer tokenizer({"Once", " a", " the", " cat", " dog", "."});
  Generation generation;
  add_pass(generation, {2, 4}, 2, 5);
  IterationStats& pass = generation.stats.iterations.front();
  pass.drafted = 4;
  pass.tree_depth = 2;
  pass.proposals = {
      {1, 0.6, 0.2, -1}, {2, 0.3, 0.7, -1}, {3, 0.5, 0.1, 1}, {4, 0.4, 0.9, 1}};
  const auto rows = test::table_rows(page_of(generation, &tokenizer), "passes");
  ASSERT_EQ(rows.size(), 1);
  EXPECT_EQ(rows[0][1], "2 of 4");
  EXPECT_EQ(rows[0][2], "␣the.7.3␣dog.9.4");
  EXPECT_EQ(rows[0][3], "␣a.2.6␣cat.1.5");
  EXPECT_EQ(rows[0][4], ".bonus");
}

TEST(TracePage, HostileTokensAreText) {
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
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, Not(HasSubstr("<!--")));
  EXPECT_THAT(page, Not(HasSubstr("\xE2\x80\xAE")));
  EXPECT_THAT(page, Not(HasSubstr("\xE2\x81\xA6")));
  EXPECT_EQ(page.find('\0'), std::string::npos);
  EXPECT_EQ(page.find('\x1b'), std::string::npos);
  EXPECT_THAT(page, HasSubstr("‹U+202E› reversed"));
  EXPECT_THAT(page, HasSubstr("&amp;#60;b&amp;#62;"));
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
    std::vector<Token> draft(drafted, pass % 64);
    add_pass(generation, draft, 0, 3);
  }
  const std::string page = page_of(generation, &tokenizer);
  EXPECT_LT(page.size(), 1'000'000);
  EXPECT_EQ(test::html_fault(page), "");
  EXPECT_EQ(test::table_rows(page, "passes").size(), 2000);
}

INSTANTIATE_TEST_SUITE_P(DraftedAPass, SizeTest, ::testing::Values(0, 4, 63));

TEST(TracePage, ShowsTheFirstOfVeryManyPasses) {
  Generation generation;
  for (int pass = 0; pass < 2100; ++pass) add_pass(generation, {}, 0, 7);
  const std::string page = page_of(generation, nullptr);
  EXPECT_EQ(test::html_fault(page), "");
  EXPECT_THAT(page, HasSubstr("The first 2000 of 2100 passes."));
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
  EXPECT_EQ(test::table_rows(page, "passes").at(0).at(4), "");
  EXPECT_THAT(page, HasSubstr("<span class=\"a\">&lt;/s&gt;</span>"));
}

TEST(TraceText, LabelsAreShortAndOnOneLine) {
  EXPECT_EQ(token_label(" the"), "␣the");
  EXPECT_EQ(token_label(" "), "␣");
  EXPECT_EQ(token_label("a\n\n"), "a↵↵");
  EXPECT_EQ(token_label(std::string(40, 'x')), std::string(32, 'x') + "…");
  EXPECT_EQ(token_label(std::string(31, 'x') + "é"),
            std::string(31, 'x') + "…");
}

TEST(TraceText, ACharacterOverTokensShowsInItsLast) {
  const PieceTokenizer tokenizer({"\xC3", "\xA9", "x", "</s>"});
  const std::vector<Token> tokens = {0, 1, 2, 3};
  EXPECT_THAT(token_texts(&tokenizer, {}, tokens),
              ElementsAre("…", "é", "x", "</s>"));
  EXPECT_THAT(token_texts(nullptr, {}, tokens),
              ElementsAre("0 ", "1 ", "2 ", "3 "));
}

TEST(TraceText, ProbabilitiesAreShort) {
  EXPECT_EQ(probability_text(0), "0");
  EXPECT_EQ(probability_text(1), "1");
  EXPECT_EQ(probability_text(0.934), ".93");
  EXPECT_EQ(probability_text(0.5), ".5");
  EXPECT_EQ(probability_text(0.00412), ".0041");
  EXPECT_EQ(probability_text(2e-7), "2e-07");
  EXPECT_EQ(probability_text(0.9999), ".99+");
}

}  // namespace
}  // namespace pilotfish::cli
