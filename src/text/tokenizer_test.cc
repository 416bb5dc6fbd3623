#include "pilotfish/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sentencepiece_processor.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "pilotfish/error.h"
#include "text/regex.h"
#include "text/test_vectors.h"

// The real tokenizers, from every form they come in, against the published
// vectors, against each other, and against SentencePiece itself.
namespace pilotfish {
namespace {

using test::data_path;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr EncodeOptions kPlain = {.add_special = false};

struct RealTokenizer {
  std::string path;     // under the test data
  std::string vectors;  // the folder whose vectors hold
};

void PrintTo(const RealTokenizer& tokenizer, std::ostream* out) {
  *out << tokenizer.path;
}

class RealTokenizerTest : public testing::TestWithParam<RealTokenizer> {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_DATA(GetParam().path);
    auto& loaded = loaded_[GetParam().path];
    if (!loaded) loaded = Tokenizer::load(data_path(GetParam().path));
    tokenizer_ = loaded;
  }
  static inline std::map<std::string, std::shared_ptr<const Tokenizer>> loaded_;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

INSTANTIATE_TEST_SUITE_P(
    All, RealTokenizerTest,
    testing::Values(
        RealTokenizer{"tokenizers/llama-2", "llama-2"},
        RealTokenizer{"tokenizers/llama-2/tokenizer.json", "llama-2"},
        RealTokenizer{"tokenizers/llama-2/tokenizer.model", "llama-2"},
        RealTokenizer{"gguf/ggml-vocab-llama-spm.gguf", "llama-2"},
        RealTokenizer{"gguf/ggml-vocab-phi-3.gguf", "llama-2"},
        RealTokenizer{"gguf/llama-2-tiny-random.gguf", "llama-2"},
        RealTokenizer{"tokenizers/llama-3", "llama-3"}));

TEST_P(RealTokenizerTest, EncodesThePublishedVectors) {
  const auto vectors = test::read_vectors(GetParam().vectors);
  ASSERT_EQ(vectors.size(), 47U);
  for (const auto& [text, tokens] : vectors) {
    EXPECT_EQ(tokenizer_->encode(text, kPlain), tokens) << text;
    EXPECT_EQ(tokenizer_->decode(tokens), text);
  }
}

TEST_P(RealTokenizerTest, PutsBosInFront) {
  ASSERT_TRUE(tokenizer_->bos());
  for (const auto& [text, tokens] : test::read_vectors(GetParam().vectors)) {
    std::vector<Token> expected = {*tokenizer_->bos()};
    expected.insert(expected.end(), tokens.begin(), tokens.end());
    EXPECT_EQ(tokenizer_->encode(text), expected);
    EXPECT_EQ(tokenizer_->decode(expected), text);
  }
}

TEST_P(RealTokenizerTest, RandomUnicodeComesBack) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    const std::string text = test::random_text(random, random() % 40);
    EncodeOptions options = kPlain;
    options.parse_special = false;
    const auto tokens = tokenizer_->encode(text, options);
    // Llama 2 spells a U+2581 in the text like a space.
    const std::string expected =
        GetParam().vectors == "llama-2" ? replace_all(text, "▁", " ") : text;
    EXPECT_EQ(tokenizer_->decode(tokens, /*skip_special=*/false), expected);
  }
}

TEST_P(RealTokenizerTest, AnyBytesComeBack) {
  std::mt19937 random(2);
  for (int i = 0; i < 300; ++i) {
    const std::string bytes = test::random_bytes(random, random() % 50);
    EXPECT_EQ(tokenizer_->decode(tokenizer_->encode(bytes, kPlain)), bytes);
  }
}

// A model may have more rows than its tokenizer has texts.
TEST_P(RealTokenizerTest, AnIdWithoutATextIsAnEmptyString) {
  const auto size = static_cast<Token>(tokenizer_->vocab_size());
  const std::vector<Token> words = tokenizer_->encode("two words", kPlain);
  for (const Token token : {size, size + 400, Token{1 << 30}}) {
    EXPECT_EQ(tokenizer_->decode(std::vector{token}), "");
    EXPECT_EQ(tokenizer_->token_text(token), "");
    EXPECT_FALSE(tokenizer_->is_special(token));
    std::vector<Token> between = words;
    between.insert(between.begin() + 1, token);
    between.push_back(token);
    EXPECT_EQ(tokenizer_->decode(between), tokenizer_->decode(words));
    TextStream stream(*tokenizer_, between);
    EXPECT_EQ(stream.push(token), "");
    EXPECT_EQ(stream.finish(), "");
  }
}

TEST_P(RealTokenizerTest, RefusesIdsBelowZero) {
  EXPECT_THROW(tokenizer_->decode(std::vector{-1}), UsageError);
  EXPECT_THROW(tokenizer_->token_text(-1), UsageError);
  EXPECT_THROW(tokenizer_->is_special(-1), UsageError);
}

TEST_P(RealTokenizerTest, StreamsWhatItDecodes) {
  std::mt19937 random(3);
  for (int i = 0; i < 200; ++i) {
    const size_t context = random() % 4;
    std::vector<Token> tokens;
    for (size_t k = 0; k < context + 40; ++k) {
      // Byte tokens are rare in the vocabulary; draw them often.
      const bool byte = random() % 2 == 0;
      tokens.push_back(static_cast<Token>(
          random() % (byte ? 300 : tokenizer_->vocab_size())));
    }
    const std::span prompt = std::span(tokens).first(context);
    TextStream stream(*tokenizer_, prompt);
    std::string streamed;
    for (size_t k = context; k < tokens.size(); ++k) {
      const std::string text = stream.push(tokens[k]);
      EXPECT_TRUE(is_valid_utf8(text));
      streamed += text;
    }
    streamed += stream.finish();
    const std::string before = tokenizer_->decode(prompt);
    const std::string all = tokenizer_->decode(tokens);
    ASSERT_TRUE(all.starts_with(before));
    EXPECT_EQ(streamed,
              to_valid_utf8(all.substr(utf8_complete_length(before))));
  }
}

std::vector<std::shared_ptr<const Tokenizer>> llama_2_forms() {
  return {Tokenizer::load(data_path("tokenizers/llama-2/tokenizer.json")),
          Tokenizer::load(data_path("tokenizers/llama-2/tokenizer.model")),
          Tokenizer::load(data_path("gguf/ggml-vocab-llama-spm.gguf"))};
}

TEST(LlamaTokenizer, AllFormsGiveTheSameTokens) {
  SKIP_WITHOUT_DATA("tokenizers/llama-2/tokenizer.json");
  const auto forms = llama_2_forms();
  std::mt19937 random(4);
  for (int i = 0; i < 2000; ++i) {
    std::string text = i % 4 == 0 ? test::random_bytes(random, random() % 60)
                                  : test::random_text(random, random() % 60);
    if (i % 5 == 0) {
      text.append("</s>").append(test::random_text(random, 5)).append("<s>");
    }
    for (const bool parse_special : {true, false}) {
      const EncodeOptions options = {.parse_special = parse_special};
      const auto expected = forms[0]->encode(text, options);
      EXPECT_EQ(forms[1]->encode(text, options), expected) << text;
      EXPECT_EQ(forms[2]->encode(text, options), expected) << text;
      EXPECT_EQ(forms[1]->decode(expected), forms[0]->decode(expected));
      EXPECT_EQ(forms[2]->decode(expected), forms[0]->decode(expected));
    }
  }
  for (const auto& form : forms) {
    EXPECT_EQ(tokenizer_difference(*forms[0], *form), "");
    EXPECT_EQ(form->bos(), 1);
    EXPECT_EQ(form->eos(), 2);
    EXPECT_TRUE(form->is_special(1));
    EXPECT_FALSE(form->is_special(13));
    EXPECT_EQ(form->find("▁the"), 278);
    EXPECT_EQ(form->token_text(13), "<0x0A>");
  }
}

TEST(LlamaTokenizer, EqualsSentencePiece) {
  SKIP_WITHOUT_DATA("tokenizers/llama-2/tokenizer.model");
  const auto path = data_path("tokenizers/llama-2/tokenizer.model");
  sentencepiece::SentencePieceProcessor reference;
  ASSERT_TRUE(reference.Load(path.string()).ok());
  const auto tokenizer = Tokenizer::load(path);
  ASSERT_EQ(static_cast<int>(tokenizer->vocab_size()),
            reference.GetPieceSize());
  std::mt19937 random(5);
  for (int i = 0; i < 3000; ++i) {
    const std::string text = test::random_text(random, random() % 100);
    const auto tokens =
        tokenizer->encode(text, {.add_special = false, .parse_special = false});
    EXPECT_EQ(tokens, reference.EncodeAsIds(text)) << text;
    EXPECT_EQ(tokenizer->decode(tokens), reference.DecodeIds(tokens));
  }
}

TEST(LlamaTokenizer, ReadsSpecialTokensOnlyWhereAsked) {
  SKIP_WITHOUT_DATA("tokenizers/llama-2/tokenizer.json");
  for (const auto& form : llama_2_forms()) {
    EXPECT_THAT(form->encode("hi</s>", kPlain), ElementsAre(7251, 2));
    EXPECT_THAT(form->encode("</s>hi", kPlain), ElementsAre(2, 7251));
    const auto tokens =
        form->encode("hi</s>", {.add_special = false, .parse_special = false});
    EXPECT_THAT(tokens, testing::Not(testing::Contains(2)));
    EXPECT_EQ(form->decode(tokens), "hi</s>");
    EXPECT_EQ(form->decode(std::vector<Token>{7251, 2}), "hi");
    EXPECT_EQ(form->decode(std::vector<Token>{7251, 2}, false), "hi</s>");
  }
}

TEST(LlamaTokenizer, Llama3HasItsSpecialTokensAndTemplate) {
  SKIP_WITHOUT_DATA("tokenizers/llama-3/tokenizer.json");
  const auto tokenizer = Tokenizer::load(data_path("tokenizers/llama-3"));
  EXPECT_EQ(tokenizer->vocab_size(), 128256U);
  EXPECT_EQ(tokenizer->bos(), 128000);
  EXPECT_EQ(tokenizer->eos(), 128009);
  EXPECT_TRUE(tokenizer->chat_template().starts_with("{{- bos_token }}"));
  EXPECT_THAT(tokenizer->encode("<|start_header_id|>user<|end_header_id|>\n\nHi"
                                "<|eot_id|>"),
              ElementsAre(128000, 128006, 882, 128007, 271, 13347, 128009));
  EXPECT_THAT(tokenizer->encode("<|eot_id|>", {.parse_special = false}),
              testing::Not(testing::Contains(128009)));
}

TEST(LlamaTokenizer, StoriesEncodeAsPublished) {
  SKIP_WITHOUT_DATA("models/stories260K/expected.json");
  const auto folder = data_path("models/stories260K");
  const auto tokenizer = Tokenizer::load(folder);
  const auto expected =
      nlohmann::json::parse(test::read_file(folder / "expected.json"));
  for (const auto& item : expected["tokenizer"]) {
    const auto text = item["text"].get<std::string>();
    const auto ids = item["ids"].get<std::vector<Token>>();
    EXPECT_EQ(tokenizer->encode(text), ids) << text;
    EXPECT_EQ(tokenizer->decode(ids), text);
  }
  const auto ids = expected["greedy"]["ids"].get<std::vector<Token>>();
  TextStream stream(*tokenizer, std::vector<Token>{1});
  std::string text;
  for (const Token id : ids) text += stream.push(id);
  EXPECT_EQ(text + stream.finish(), expected["greedy"]["text"]);
}

TEST(LlamaTokenizer, StreamsAfterAPromptWithItsBlank) {
  SKIP_WITHOUT_DATA("tokenizers/llama-2/tokenizer.json");
  const auto tokenizer = Tokenizer::load(data_path("tokenizers/llama-2"));
  const std::vector<Token> prompt = tokenizer->encode("Hello");
  const std::vector<Token> world = tokenizer->encode("world", kPlain);
  TextStream after_text(*tokenizer, prompt);
  EXPECT_EQ(after_text.push(world[0]), " world");
  TextStream at_start(*tokenizer, std::vector<Token>{1});
  EXPECT_EQ(at_start.push(world[0]), "world");
  EXPECT_EQ(at_start.push(world[0]), " world");
}

TEST(TokenizerDifference, NamesTheFirstTokensThatDiffer) {
  SKIP_WITHOUT_DATA("tokenizers/llama-2/tokenizer.json");
  const auto llama = Tokenizer::load(data_path("tokenizers/llama-2"));
  const auto stories = Tokenizer::load(data_path("models/stories260K"));
  const auto phi = Tokenizer::load(data_path("gguf/ggml-vocab-phi-3.gguf"));
  EXPECT_THAT(tokenizer_difference(*llama, *stories),
              testing::HasSubstr("of 512 tokens differ: 259 is"));
  EXPECT_THAT(tokenizer_difference(*llama, *phi),
              testing::HasSubstr("\"<|endoftext|>\""));
  EXPECT_EQ(tokenizer_difference(*phi, *phi), "");
}

}  // namespace
}  // namespace pilotfish
