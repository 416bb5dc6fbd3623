#include "text/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pilotfish/error.h"
#include "text/json_node.h"

namespace pilotfish {
namespace {

using testing::ElementsAre;

std::vector<std::string> pieces(const std::string& description,
                                std::string text, bool at_start = true) {
  const auto document = nlohmann::json::parse(description);
  PieceList list{std::move(text), {}, at_start};
  list.pieces.push_back({0, list.text.size()});
  pre_tokenizer_from_json(JsonNode(document, "test"))->apply(list);
  std::vector<std::string> result;
  for (const Span piece : list.pieces) {
    result.push_back(list.text.substr(piece.begin, piece.size()));
  }
  return result;
}

std::string split(const char* behaviour, bool invert = false) {
  return std::string(
             R"({"type":"Split","pattern":{"String":"-"},"behavior":")") +
         behaviour + R"(","invert":)" + (invert ? "true}" : "false}");
}

// The expectations are those of Hugging Face's documentation of
// SplitDelimiterBehavior, for "the-final--countdown".
TEST(PreTokenizer, SplitsAsEachBehaviourSays) {
  const std::string text = "the-final--countdown";
  EXPECT_THAT(pieces(split("Removed"), text),
              ElementsAre("the", "final", "countdown"));
  EXPECT_THAT(pieces(split("Isolated"), text),
              ElementsAre("the", "-", "final", "-", "-", "countdown"));
  EXPECT_THAT(pieces(split("MergedWithPrevious"), text),
              ElementsAre("the-", "final-", "-", "countdown"));
  EXPECT_THAT(pieces(split("MergedWithNext"), text),
              ElementsAre("the", "-final", "-", "-countdown"));
  EXPECT_THAT(pieces(split("Contiguous"), text),
              ElementsAre("the", "-", "final", "--", "countdown"));
  EXPECT_THAT(pieces(split("Removed", /*invert=*/true), text),
              ElementsAre("-", "-", "-"));
}

TEST(PreTokenizer, EdgesOfTheTextAreNoPieces) {
  EXPECT_THAT(pieces(split("Isolated"), "-a-"), ElementsAre("-", "a", "-"));
  EXPECT_THAT(pieces(split("MergedWithNext"), "-a-"), ElementsAre("-a", "-"));
  EXPECT_THAT(pieces(split("MergedWithPrevious"), "-a-"),
              ElementsAre("-", "a-"));
  EXPECT_THAT(pieces(split("Removed"), "--"), ElementsAre());
}

TEST(PreTokenizer, ByteLevelCutsAndSpells) {
  EXPECT_THAT(pieces(R"({"type":"ByteLevel","add_prefix_space":false})",
                     "I've 2 caf\u00E9s\n"),
              ElementsAre("I", "'ve", "Ġ2", "ĠcafÃ©s", "Ċ"));
  EXPECT_THAT(
      pieces(
          R"({"type":"ByteLevel","add_prefix_space":true,"use_regex":false})",
          "a b"),
      ElementsAre("ĠaĠb"));
  EXPECT_THAT(pieces(R"({"type":"ByteLevel","use_regex":false})", " a"),
              ElementsAre("Ġa"));
}

TEST(PreTokenizer, MetaspacePutsABlankInFront) {
  const std::string always = R"({"type":"Metaspace","replacement":"▁"})";
  const std::string first =
      R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"first"})";
  const std::string never =
      R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"never",)"
      R"("split":false})";
  EXPECT_THAT(pieces(always, "a b"), ElementsAre("▁a", "▁b"));
  EXPECT_THAT(pieces(always, " a"), ElementsAre("▁a"));
  EXPECT_THAT(pieces(first, "a b", true), ElementsAre("▁a", "▁b"));
  EXPECT_THAT(pieces(first, "a b", false), ElementsAre("a", "▁b"));
  EXPECT_THAT(pieces(never, "a b"), ElementsAre("a▁b"));
  EXPECT_THAT(pieces(R"({"type":"Metaspace","add_prefix_space":false})", "a"),
              ElementsAre("a"));
}

TEST(PreTokenizer, CutsByKindOfCharacter) {
  EXPECT_THAT(pieces(R"({"type":"Digits","individual_digits":true})", "a12"),
              ElementsAre("a", "1", "2"));
  EXPECT_THAT(pieces(R"({"type":"Digits"})", "a12b"),
              ElementsAre("a", "12", "b"));
  EXPECT_THAT(pieces(R"({"type":"Whitespace"})", "Hi, you_2 !?"),
              ElementsAre("Hi", ",", "you_2", "!?"));
  EXPECT_THAT(pieces(R"({"type":"WhitespaceSplit"})", "Hi, \u3000you"),
              ElementsAre("Hi,", "you"));
  EXPECT_THAT(pieces(R"({"type":"Punctuation"})", "a$b\u3002"),
              ElementsAre("a", "$", "b", "\u3002"));
}

TEST(PreTokenizer, SequencesGoOnWithThePieces) {
  EXPECT_THAT(pieces(R"({"type":"Sequence","pretokenizers":[
                {"type":"Digits","individual_digits":true},
                {"type":"ByteLevel","add_prefix_space":false}]})",
                     "a 12"),
              ElementsAre("a", "Ġ", "1", "2"));
}

TEST(PreTokenizer, BytesThatAreNoUtf8StandAlone) {
  EXPECT_THAT(pieces(R"({"type":"ByteLevel","add_prefix_space":false})",
                     "a\xFF"
                     "b"),
              ElementsAre("a", "ÿ", "b"));
}

TEST(PreTokenizer, RefusesWhatItDoesNotKnow) {
  for (const char* description : {
           R"({"type":"BertPreTokenizer"})",
           R"({"pattern":1})",
           R"([])",
           R"({"type":"Split","pattern":{"String":""},"behavior":"Removed"})",
           R"({"type":"Split","pattern":{"Regex":"("},"behavior":"Removed"})",
           R"({"type":"Split","pattern":{"String":"a"},"behavior":"Merge"})",
           R"({"type":"Metaspace","replacement":"ab"})",
           R"({"type":"Metaspace","prepend_scheme":"last"})",
           R"({"type":"ByteLevel","use_regex":1})",
       }) {
    EXPECT_THROW(pieces(description, "a"), Error) << description;
  }
  std::string nested = R"({"type":"Digits"})";
  for (int i = 0; i < 20; ++i) {
    nested = R"({"type":"Sequence","pretokenizers":[)" + nested + "]}";
  }
  EXPECT_THROW(pieces(nested, "a"), Error);
}

}  // namespace
}  // namespace pilotfish
