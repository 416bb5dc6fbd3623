#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "pilotfish/error.h"
#include "test_data.h"
#include "text/try_tokenizer.h"

// How a folder's files come together, and the cases the fuzzers keep.
namespace pilotfish {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kTokenizerJson = R"({
  "added_tokens": [{"id": 0, "content": "<s>", "special": true},
                   {"id": 1, "content": "</s>", "special": true}],
  "model": {"type": "BPE", "vocab": {"a": 2, "b": 3}, "merges": []}})";

class Folder {
 public:
  Folder() { write("tokenizer.json", kTokenizerJson); }
  void write(const char* name, std::string_view text) const {
    std::ofstream(path() / name, std::ios::binary) << text;
  }
  std::filesystem::path path() const { return folder_.path(); }
  std::shared_ptr<const Tokenizer> load() const {
    return Tokenizer::load(path());
  }

 private:
  test::TemporaryFolder folder_;
};

TEST(TokenizerLoad, TakesAFolderOrAFile) {
  const Folder folder;
  EXPECT_THAT(folder.load()->encode("ab"), ElementsAre(2, 3));
  EXPECT_THAT(Tokenizer::load(folder.path() / "tokenizer.json")->encode("ab"),
              ElementsAre(2, 3));
}

TEST(TokenizerLoad, AFolderMayHaveNone) {
  const test::TemporaryFolder empty;
  EXPECT_EQ(Tokenizer::load_if_present(empty.path()), nullptr);
  EXPECT_THROW(Tokenizer::load(empty.path()), Error);
  EXPECT_THROW(Tokenizer::load_if_present(empty.path() / "none"), Error);
}

TEST(TokenizerLoad, EndsComeFromTheFilesInTurn) {
  const Folder folder;
  EXPECT_FALSE(folder.load()->eos());
  folder.write("config.json", R"({"bos_token_id": 0, "eos_token_id": [3, 1]})");
  EXPECT_EQ(folder.load()->bos(), 0);
  EXPECT_EQ(folder.load()->eos(), 3);
  folder.write("special_tokens_map.json",
               R"({"eos_token": {"content": "</s>"}, "bos_token": "b"})");
  EXPECT_EQ(folder.load()->bos(), 3);
  EXPECT_EQ(folder.load()->eos(), 1);
  folder.write("tokenizer_config.json",
               R"({"eos_token": "a", "bos_token": null})");
  EXPECT_EQ(folder.load()->bos(), 3);
  EXPECT_EQ(folder.load()->eos(), 2);
  EXPECT_TRUE(folder.load()->is_special(2));
}

TEST(TokenizerLoad, ChatTemplatesHaveManyForms) {
  const Folder folder;
  folder.write("tokenizer_config.json", R"({"chat_template": "one"})");
  EXPECT_EQ(folder.load()->chat_template(), "one");
  folder.write("tokenizer_config.json", R"({"chat_template": [
      {"name": "tool_use", "template": "x"},
      {"name": "default", "template": "two"}]})");
  EXPECT_EQ(folder.load()->chat_template(), "two");
  folder.write("tokenizer_config.json",
               R"({"chat_template": {"rag": "x", "default": "three"}})");
  EXPECT_EQ(folder.load()->chat_template(), "three");
  folder.write("tokenizer_config.json", R"({"chat_template": {"only": "y"}})");
  EXPECT_EQ(folder.load()->chat_template(), "y");
  // What is no template does not keep a model from loading.
  for (const char* other :
       {"5", "{}", "[]", "[5]", "[{}]", R"({"a": "x", "b": "y"})",
        R"({"default": 5})", R"([{"name": "default"}])"}) {
    folder.write("tokenizer_config.json",
                 R"({"chat_template": )" + std::string(other) + "}");
    EXPECT_EQ(folder.load()->chat_template(), "") << other;
  }
  folder.write("chat_template.json", R"({"chat_template": "four"})");
  EXPECT_EQ(folder.load()->chat_template(), "four");
  folder.write("chat_template.jinja", "five");
  EXPECT_EQ(folder.load()->chat_template(), "five");
}

TEST(TokenizerLoad, ErrorsNameTheFile) {
  const Folder folder;
  const auto error = [&] {
    try {
      folder.load();
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  for (const char* text :
       {"{", "[]", R"({"bos_token": 3})", R"({"add_bos_token": "yes"})",
        R"({"added_tokens_decoder": {"x": {}}})",
        R"({"added_tokens_decoder": {"7": {}}})",
        R"({"added_tokens_decoder": []})"}) {
    folder.write("tokenizer_config.json", text);
    EXPECT_THAT(error(), HasSubstr("tokenizer_config.json")) << text;
  }
  folder.write("tokenizer_config.json", "{}");
  folder.write("tokenizer.json", "{}");
  EXPECT_THAT(error(), HasSubstr("tokenizer.json: has no \"model\""));
  std::filesystem::rename(folder.path() / "tokenizer.json",
                          folder.path() / "tokenizer.model");
  EXPECT_THAT(error(), HasSubstr("tokenizer.model: not a SentencePiece model"));
}

TEST(TextStream, HoldsBackCharactersThatAreNotWhole) {
  const Folder folder;
  folder.write("tokenizer.json", R"({"decoder": {"type": "ByteFallback"},
      "added_tokens": [{"id": 4, "content": "<s>", "special": true}],
      "model": {"type": "BPE", "vocab": {"<0xE6>": 0, "<0xBC>": 1, "<0xA2>": 2,
                                         "a": 3}, "merges": []}})");
  const auto tokenizer = folder.load();
  TextStream stream(*tokenizer);
  EXPECT_EQ(stream.push(0), "");
  EXPECT_EQ(stream.push(1), "");
  EXPECT_EQ(stream.push(4), "");
  EXPECT_EQ(stream.push(2), "漢");
  EXPECT_EQ(stream.push(0), "");
  EXPECT_EQ(stream.push(3),
            "\uFFFD"
            "a");
  EXPECT_EQ(stream.push(1), "\uFFFD");
  EXPECT_EQ(stream.push(0), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.finish(), "");
  EXPECT_EQ(stream.push(5), "");  // a row of the model without a text
  EXPECT_THROW(stream.push(-1), Error);

  // A character the prompt leaves unfinished comes out whole.
  TextStream after(*tokenizer, std::vector<Token>{3, 0, 1});
  EXPECT_EQ(after.push(2), "漢");
}

TEST(TokenizerDifferenceOfToys, PaddingIsNone) {
  const Folder a;
  const Folder b;
  EXPECT_EQ(tokenizer_difference(*a.load(), *b.load()), "");
  b.write("tokenizer.json", R"({"model": {"type": "BPE", "merges": [],
      "vocab": {"<s>": 0, "</s>": 1, "a": 2, "c": 3, "d": 4}}})");
  EXPECT_EQ(tokenizer_difference(*a.load(), *b.load()),
            "1 of 4 tokens differ: 3 is \"b\" and \"c\"");
  b.write("tokenizer.json", R"({"model": {"type": "BPE", "merges": [],
      "vocab": {"<s>": 0, "</s>": 1, "a": 2, "b": 3, "d": 6}}})");
  EXPECT_EQ(
      tokenizer_difference(*a.load(), *b.load()),
      "one has 4 tokens, the other 7: 6 is \"d\" in the larger one alone");
}

template <class Try>
void replay(const char* name, Try&& try_case) {
  const auto folder = test::source_dir() / "fuzz" / "corpus" / name;
  size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().string());
    const std::string text = test::read_file(entry.path());
    try {
      try_case(text);
    } catch (const Error& e) {
      EXPECT_EQ(std::string_view(e.what()).find('\n'), std::string_view::npos);
    }
    ++cases;
  }
  EXPECT_GT(cases, 0U);
}

TEST(FuzzCorpus, TokenizerCasesAreHarmless) {
  replay("tokenizer_json", try_tokenizer_json);
  replay("tokenizer_model", try_tokenizer_model);
  replay("tokenizer_gguf", try_tokenizer_gguf);
}

}  // namespace
}  // namespace pilotfish
