#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "pilotfish/error.h"
#include "text/tokenizer_formats.h"

namespace pilotfish {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

// A byte-fallback BPE tokenizer as small as it can be: ids 0 to 2 are special.
json toy() {
  return json::parse(R"({
    "added_tokens": [
      {"id": 0, "content": "<unk>", "special": true},
      {"id": 1, "content": "<s>", "special": true},
      {"id": 2, "content": "</s>", "special": true}],
    "normalizer": {"type": "Prepend", "prepend": "_"},
    "decoder": null,
    "model": {"type": "BPE", "unk_token": "<unk>",
      "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, "_": 3, "a": 4, "b": 5,
                "ab": 6, "_ab": 7, "B": 8},
      "merges": ["a b", "_ ab"]}})");
}

std::shared_ptr<const Tokenizer> load(const json& document,
                                      const TokenizerConfig& config = {}) {
  return tokenizer_from_json(document.dump(), config, "toy.json");
}

std::string load_error(const std::string& text) {
  try {
    tokenizer_from_json(text, {}, "toy.json");
  } catch (const Error& e) {
    EXPECT_EQ(std::string_view(e.what()).find('\n'), std::string_view::npos);
    return e.what();
  }
  return "accepted";
}
std::string load_error(const json& document) {
  return load_error(document.dump());
}

TEST(TokenizerJson, EncodesAndDecodes) {
  const auto tokenizer = load(toy());
  EXPECT_EQ(tokenizer->vocab_size(), 9U);
  EXPECT_THAT(tokenizer->encode("abaxx"), ElementsAre(7, 4, 0, 0));
  EXPECT_THAT(tokenizer->encode("ab<s>a"), ElementsAre(7, 1, 3, 4));
  EXPECT_EQ(tokenizer->decode(std::vector<Token>{7, 1, 4}), "_aba");
  EXPECT_EQ(tokenizer->decode(std::vector<Token>{7, 1, 4}, false), "_ab<s>a");
  EXPECT_FALSE(tokenizer->bos());
}

TEST(TokenizerJson, TakesMergesInBothSpellings) {
  json document = toy();
  document["model"]["merges"] =
      json::array({json::array({"a", "b"}), json::array({"_", "ab"})});
  EXPECT_EQ(load(document)->encode("aba"), load(toy())->encode("aba"));
  document["model"].erase("type");  // older files leave it out
  EXPECT_EQ(load(document)->encode("aba"), load(toy())->encode("aba"));
}

TEST(TokenizerJson, MergesOfTextsWithSpaces) {
  json document = toy();
  document["model"]["vocab"][" "] = 9;
  document["model"]["vocab"][" a"] = 10;
  document["model"]["merges"] = json::array({json::array({" ", "a"})});
  EXPECT_THAT(load(document)->encode("b a"), ElementsAre(3, 5, 10));
}

TEST(TokenizerJson, PostProcessorsFrameTheText) {
  json document = toy();
  const json single = json::parse(R"([
      {"SpecialToken": {"id": "<s>", "type_id": 0}},
      {"Sequence": {"id": "A", "type_id": 0}},
      {"SpecialToken": {"id": "</s>", "type_id": 0}}])");
  const json frame = {
      {"type", "TemplateProcessing"},
      {"single", single},
      {"special_tokens", {{"<s>", {{"ids", {1}}}}, {"</s>", {{"ids", {2}}}}}}};
  document["post_processor"] = frame;
  EXPECT_THAT(load(document)->encode("ab"), ElementsAre(1, 7, 2));
  EXPECT_THAT(load(document)->encode("ab", {.add_special = false}),
              ElementsAre(7));
  EXPECT_THAT(load(document)->encode(""), ElementsAre(1, 2));

  document["post_processor"] = {
      {"type", "RobertaProcessing"}, {"cls", {"a", 4}}, {"sep", {"b", 5}}};
  EXPECT_THAT(load(document)->encode("ab"), ElementsAre(4, 7, 5));

  // The later one of a sequence stands outside.
  document["post_processor"] = {
      {"type", "Sequence"},
      {"processors",
       {{{"type", "ByteLevel"}}, document["post_processor"], frame}}};
  EXPECT_THAT(load(document)->encode("ab"), ElementsAre(1, 4, 7, 5, 2));
}

TEST(TokenizerJson, LlamaFlagsReplaceThePostProcessor) {
  TokenizerConfig config;
  config.bos_text = "<s>";
  config.eos_text = "</s>";
  config.add_bos = true;
  config.add_eos = true;
  EXPECT_THAT(load(toy(), config)->encode("ab"), ElementsAre(7));
  config.tokenizer_class = "LlamaTokenizerFast";
  EXPECT_THAT(load(toy(), config)->encode("ab"), ElementsAre(1, 7, 2));
}

TEST(TokenizerJson, NormalizedAddedTokensAreSoughtAfterwards) {
  json document = toy();
  document["normalizer"] = {{"type", "Lowercase"}};
  document["added_tokens"].push_back(
      {{"id", 9}, {"content", "AB"}, {"normalized", true}, {"special", false}});
  document["added_tokens"].push_back(
      {{"id", 8}, {"content", "B"}, {"normalized", false}, {"special", false}});
  const auto tokenizer = load(document);
  // "B" is found in the raw text, before "AB" could be in the lowered one.
  EXPECT_THAT(tokenizer->encode("aab"), ElementsAre(4, 9));
  EXPECT_THAT(tokenizer->encode("Ab"), ElementsAre(9));
  EXPECT_THAT(tokenizer->encode("aB"), ElementsAre(4, 8));
}

TEST(TokenizerJson, SpecialTokensAreNotReachedByMerges) {
  // An added token outside the model's vocabulary whose text is a whole piece.
  json document = toy();
  document["normalizer"] = nullptr;
  document["model"]["ignore_merges"] = true;
  document["added_tokens"].push_back(
      {{"id", 9}, {"content", "ba"}, {"special", true}});
  EXPECT_THAT(load(document)->encode("ba"), ElementsAre(9));
  EXPECT_THAT(load(document)->encode("ba", {.parse_special = false}),
              ElementsAre(5, 4));
}

TEST(TokenizerJson, TokensOfTheConfigurationAreAdded) {
  TokenizerConfig config;
  config.added = {{.id = 1, .text = "<s>", .special = true},
                  {.id = 12, .text = "<new>", .special = true}};
  const auto tokenizer = load(toy(), config);
  EXPECT_EQ(tokenizer->vocab_size(), 13U);
  EXPECT_THAT(tokenizer->encode("<new>"), ElementsAre(12));
  EXPECT_EQ(tokenizer->token_text(11), "");
  config.added[1].id = 4;
  EXPECT_THROW(load(toy(), config), Error);
}

TEST(TokenizerJson, NamesWhatItDoesNotSupport) {
  struct Case {
    const char* pointer;
    json value;
    const char* message;
  };
  const Case cases[] = {
      {"/model/type", "Unigram", "toy.json: model: found type \"Unigram\""},
      {"/model/type", "WordPiece", "model: found type \"WordPiece\""},
      {"/model/dropout", 0.1, "toy.json: model.dropout: random merges"},
      {"/model/continuing_subword_prefix", "##", "continuing_subword_prefix"},
      {"/model/unk_token", "<x>", "model.unk_token: \"<x>\" is not in"},
      {"/model/vocab", json::array(), "has no \"vocab\""},
      {"/model/merges", json::object(), "has no \"merges\""},
      {"/model/merges/1", "a  b", "model.merges[1]: found \"a  b\""},
      {"/model/merges/1", json::array({"a"}), "model.merges[1]: found 1 texts"},
      {"/model/merges/1", json::array({"a", "b", "c"}), "found a third text"},
      {"/model/merges/1", json::array({"a", 1}), "model.merges[1]"},
      {"/model/merges/1", 7, "model.merges[1]: found number"},
      {"/model/merges/1", "a x", "merge 1 of \"a\" and \"x\""},
      {"/model/vocab/a", "4", "model.vocab: token \"a\" has no integer id"},
      {"/model/vocab/a", -1, "has id -1"},
      {"/model/vocab/a", 2147483648u, "has id 2147483648, expected 0 to"},
      {"/model/vocab/a", 18446744073709551615u, "token \"a\" has id"},
      {"/model/vocab/a", json::array(), "token \"a\" has no integer id"},
      {"/model/vocab/a", 5, "id 5 has two texts"},
      {"/model", nullptr, "toy.json: has no \"model\""},
      {"/added_tokens/0/id", 7, "added token \"<unk>\" has id 7, but 0"},
      {"/added_tokens/0/content", "zz", "id 0 has two texts"},
      {"/added_tokens/0/special", 1, "added_tokens[0].special"},
      {"/normalizer/type", "Nmt", "toy.json: normalizer: found type \"Nmt\""},
      {"/pre_tokenizer", {{"type", "X"}}, "pre_tokenizer: found type \"X\""},
      {"/decoder", {{"type", "X"}}, "decoder: found type \"X\""},
      {"/post_processor", {{"type", "X"}}, "post_processor: found type \"X\""},
      {"/post_processor",
       {{"type", "RobertaProcessing"}, {"cls", {"a", 9}}, {"sep", {"b", 5}}},
       "post_processor.cls[1]: found id 9, expected one below 9"},
      {"/post_processor",
       {{"type", "TemplateProcessing"}, {"single", {}}},
       "single"},
  };
  for (const Case& c : cases) {
    json document = toy();
    document[json::json_pointer(c.pointer)] = c.value;
    EXPECT_THAT(load_error(document), HasSubstr(c.message)) << c.pointer;
  }
}

TEST(TokenizerJson, RefusesBrokenJson) {
  EXPECT_THAT(load_error(std::string("{\"model\": ")),
              HasSubstr("not valid JSON at byte"));
  EXPECT_THAT(load_error(std::string("[1]")), HasSubstr("expected an object"));
  EXPECT_THAT(load_error(std::string("{\"a\":1,\"a\":2}")),
              HasSubstr("key \"a\" occurs twice"));
  EXPECT_THAT(load_error(std::string(R"({"model":{"vocab":{"a":1,"a":2}}})")),
              HasSubstr("token \"a\" occurs twice"));
  EXPECT_THAT(load_error(std::string("{\"a\":1e999}")),
              HasSubstr("out of range"));
  EXPECT_THAT(load_error("{\"a\":" + std::string(100'000, '[')),
              HasSubstr("nested deeper than 64"));
  EXPECT_THAT(load_error(std::string("{\"a\":\"\xFF\"}")),
              HasSubstr("not valid JSON"));
  const std::string whole = toy().dump();
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(load_error(whole.substr(0, size)), "accepted") << size;
  }
}

}  // namespace
}  // namespace pilotfish
