#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "pilotfish/error.h"
#include "text/pre_tokenizer.h"
#include "text/test_vectors.h"
#include "text/tokenizer_formats.h"

namespace pilotfish {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Values = std::map<std::string, GgufValue, std::less<>>;
using Texts = std::vector<std::string>;
using Numbers = std::vector<std::int64_t>;

std::shared_ptr<const Tokenizer> load(const Values& values) {
  return tokenizer_from_gguf(GgufMetadata("toy.gguf", values));
}

std::string load_error(const Values& values) {
  try {
    load(values);
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

Values spm() {
  return {
      {"tokenizer.ggml.model", std::string("llama")},
      {"tokenizer.ggml.tokens",
       Texts{"<unk>", "<s>", "</s>", "▁", "a", "▁a", "<0xFF>", "[PAD7]"}},
      {"tokenizer.ggml.scores", std::vector<double>{0, 0, 0, -3, -2, -1, 0, 0}},
      {"tokenizer.ggml.token_type", Numbers{2, 3, 3, 1, 1, 1, 6, 5}},
  };
}

Values byte_level() {
  return {
      {"tokenizer.ggml.model", std::string("gpt2")},
      {"tokenizer.ggml.pre", std::string("gpt-2")},
      {"tokenizer.ggml.tokens",
       Texts{"a", "b", "Ġ", "ab", "Ġab", "<|end|>", "1"}},
      {"tokenizer.ggml.token_type", Numbers{1, 1, 1, 1, 1, 3, 1}},
      {"tokenizer.ggml.merges", Texts{"a b", "Ġ ab"}},
  };
}

TEST(TokenizerGguf, ReadsSentencePieceVocabularies) {
  const auto tokenizer = load(spm());
  EXPECT_THAT(tokenizer->encode("a a</s>\xFF"), ElementsAre(1, 5, 5, 2, 3, 6));
  EXPECT_EQ(tokenizer->decode(std::vector<Token>{1, 5, 5, 6}), "a a\xFF");
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->eos(), 2);
  EXPECT_EQ(tokenizer->token_text(7), "");  // only fills the table
}

TEST(TokenizerGguf, FollowsTheFlags) {
  Values values = spm();
  values["tokenizer.ggml.add_space_prefix"] = false;
  values["tokenizer.ggml.add_bos_token"] = false;
  values["tokenizer.ggml.add_eos_token"] = true;
  values["tokenizer.ggml.eos_token_id"] = std::uint64_t{4};
  values["tokenizer.chat_template"] = std::string("{{ x }}");
  const auto tokenizer = load(values);
  EXPECT_THAT(tokenizer->encode("a a"), ElementsAre(4, 5, 4));
  EXPECT_EQ(tokenizer->decode(std::vector<Token>{5}), " a");
  EXPECT_TRUE(tokenizer->is_special(4));
  EXPECT_EQ(tokenizer->chat_template(), "{{ x }}");
}

TEST(TokenizerGguf, ReadsByteLevelVocabularies) {
  const auto tokenizer = load(byte_level());
  EXPECT_THAT(tokenizer->encode("ab ab1<|end|>"), ElementsAre(3, 4, 6, 5));
  EXPECT_EQ(tokenizer->decode(std::vector<Token>{3, 4, 6, 5}), "ab ab1");
  EXPECT_FALSE(tokenizer->bos());
}

TEST(TokenizerGguf, KnowsEveryPreTokenizerItNames) {
  for (const GgufPreTokenizer& kind : gguf_pre_tokenizers()) {
    for (const std::string_view name : kind.names) {
      Values values = byte_level();
      values["tokenizer.ggml.pre"] = std::string(name);
      values["tokenizer.ggml.bos_token_id"] = std::uint64_t{5};
      const auto tokens = load(values)->encode("ab");
      EXPECT_EQ(tokens.front() == 5, kind.add_bos) << name;
      EXPECT_EQ(tokens.back(), 3);
    }
  }
}

// As in llama.cpp, an id that no token has is as good as none, and of a list
// the first counts.
TEST(TokenizerGguf, ToleratesOddSpecialTokens) {
  Values values = spm();
  values["tokenizer.ggml.bos_token_id"] = std::uint64_t{8};
  values["tokenizer.ggml.unknown_token_id"] = std::int64_t{-1};
  values["tokenizer.ggml.eos_token_id"] = Numbers{99, 4, 5};
  const auto tokenizer = load(values);
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->eos(), 4);
  EXPECT_THAT(tokenizer->encode("a a"), ElementsAre(1, 5, 5));
  values = byte_level();
  values["tokenizer.ggml.eos_token_id"] = std::uint64_t{7};
  EXPECT_EQ(load(values)->eos(), std::nullopt);
}

// All pieces then merge in the order of their places, as in llama.cpp.
TEST(TokenizerGguf, TakesMissingScoresAsZero) {
  Values with_zeros = spm();
  with_zeros["tokenizer.ggml.scores"] = std::vector<double>(8, 0.0);
  Values without = spm();
  without.erase("tokenizer.ggml.scores");
  EXPECT_EQ(load(without)->encode("a aa"), load(with_zeros)->encode("a aa"));
  EXPECT_THAT(load(without)->encode("a"), ElementsAre(1, 5));
}

TEST(TokenizerGguf, NamesWhatIsWrong) {
  struct Case {
    Values values;
    const char* key;
    GgufValue value;
    const char* message;
  };
  const Case cases[] = {
      {spm(), "tokenizer.ggml.model", std::string("bert"),
       "toy.gguf: tokenizer.ggml.model is \"bert\", expected llama or gpt2"},
      {byte_level(), "tokenizer.ggml.pre", std::string("new"),
       "toy.gguf: tokenizer.ggml.pre is \"new\", which is not known; expected "
       "one of llama-bpe"},
      {spm(), "tokenizer.ggml.tokens", Texts{}, "has no tokenizer.ggml.tokens"},
      {spm(), "tokenizer.ggml.scores", std::vector<double>{1},
       "tokenizer.ggml.scores has 1 values, expected 8"},
      {spm(), "tokenizer.ggml.token_type", Numbers{1},
       "tokenizer.ggml.token_type has 1 values, expected 8"},
      {spm(), "tokenizer.ggml.token_type", Numbers{1, 1, 1, 7, 1, 1, 1, 1},
       "tokenizer.ggml.token_type[3] is 7"},
      {spm(), "tokenizer.ggml.bos_token_id", std::string("x"),
       "\"tokenizer.ggml.bos_token_id\": found a string, expected an integer"},
      {spm(), "tokenizer.ggml.scores", std::string("x"),
       "tokenizer.ggml.scores"},
      {byte_level(), "tokenizer.ggml.merges", Texts{"ab"},
       "tokenizer.ggml.merges[0] is \"ab\""},
      {byte_level(), "tokenizer.ggml.merges", Texts{"a z"},
       "toy.gguf: tokenizer.ggml: merge 0"},
      {byte_level(), "tokenizer.ggml.add_bos_token", true,
       "BOS is to be added, but has no id"},
  };
  for (const Case& c : cases) {
    Values values = c.values;
    values[c.key] = c.value;
    EXPECT_THAT(load_error(values), HasSubstr(c.message));
  }
}

// The keys llama.cpp's converter writes for Llama 3, from its tokenizer.json.
Values llama_3_values() {
  const auto document = nlohmann::json::parse(
      test::read_file(test::data_path("tokenizers/llama-3/tokenizer.json")));
  Texts tokens(128256);
  Numbers types(tokens.size(), 1);
  for (const auto& [text, id] : document["model"]["vocab"].items()) {
    tokens[id.get<size_t>()] = text;
  }
  for (const auto& token : document["added_tokens"]) {
    tokens[token["id"].get<size_t>()] = token["content"];
    types[token["id"].get<size_t>()] = 3;
  }
  return {
      {"tokenizer.ggml.model", std::string("gpt2")},
      {"tokenizer.ggml.pre", std::string("llama-bpe")},
      {"tokenizer.ggml.tokens", tokens},
      {"tokenizer.ggml.token_type", types},
      {"tokenizer.ggml.merges", document["model"]["merges"].get<Texts>()},
      {"tokenizer.ggml.bos_token_id", std::uint64_t{128000}},
      {"tokenizer.ggml.eos_token_id", std::uint64_t{128009}},
  };
}

TEST(TokenizerGguf, EqualsLlama3sTokenizerJson) {
  SKIP_WITHOUT_DATA("tokenizers/llama-3/tokenizer.json");
  const auto expected = Tokenizer::load(test::data_path("tokenizers/llama-3"));
  const auto tokenizer = load(llama_3_values());
  EXPECT_EQ(tokenizer_difference(*tokenizer, *expected), "");
  EXPECT_EQ(tokenizer->bos(), expected->bos());
  std::mt19937 random(8);
  for (int i = 0; i < 500; ++i) {
    const std::string text = test::random_text(random, random() % 50);
    EXPECT_EQ(tokenizer->encode(text), expected->encode(text)) << text;
  }
  for (const auto& [text, tokens] : test::read_vectors("llama-3")) {
    EXPECT_EQ(tokenizer->encode(text, {.add_special = false}), tokens);
  }
}

}  // namespace
}  // namespace pilotfish
