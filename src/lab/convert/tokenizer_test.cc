// Tokenizers that went to the other format and back give the same ids.

#include "pilotfish/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "formats/checkpoint.h"
#include "formats/hostile_test.h"
#include "pilotfish/lab/convert.h"
#include "random_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using testing::HasSubstr;
using testing::Optional;

std::vector<std::string> sample_texts() {
  std::vector<std::string> texts = {
      "",
      " ",
      "Hello, world!",
      "  two  spaces ",
      "Once upon a time, there was a little girl named Lily.\n\n\tTab",
      "naïve café 東京 🦙🦙 \xC3\xA9 3 33 333 3333 3.3",
      "I've been 'told he's there, 'RE you sure?",
      "<s>inside</s> <|begin_of_text|>x<|eot_id|> <unk>",
      "caf\xC3",
  };
  std::mt19937 random(7);
  for (int i = 0; i < 50; ++i) {
    std::string text;
    for (int j = 0; j < 40; ++j) text += static_cast<char>(32 + random() % 95);
    texts.push_back(text);
  }
  return texts;
}

void expect_same_ids(const Tokenizer& a, const Tokenizer& b) {
  EXPECT_EQ(tokenizer_difference(a, b), "");
  EXPECT_EQ(a.bos(), b.bos());
  EXPECT_EQ(a.eos(), b.eos());
  EXPECT_EQ(a.chat_template(), b.chat_template());
  for (const std::string& text : sample_texts()) {
    for (const bool add : {false, true}) {
      const EncodeOptions options{.add_special = add, .parse_special = add};
      const auto ids = a.encode(text, options);
      EXPECT_EQ(ids, b.encode(text, options)) << text;
      EXPECT_EQ(a.decode(ids), b.decode(ids)) << text;
    }
  }
}

// A random model whose tokenizer is `files` of `source`.
void write_model(const fs::path& folder, const fs::path& source,
                 const std::vector<std::string>& files,
                 std::int64_t vocab_size) {
  test::write_random_model(folder, {.vocab_size = vocab_size,
                                    .hidden_size = 8,
                                    .intermediate_size = 8,
                                    .n_layers = 1,
                                    .n_heads = 1,
                                    .n_kv_heads = 1,
                                    .head_dim = 8,
                                    .tied_embeddings = true});
  for (const std::string& file : files) {
    fs::copy_file(source / file, folder / file);
  }
}

void expect_round_trip(const fs::path& from) {
  const test::TemporaryFolder folder;
  convert(from, folder.path() / "m.gguf", {});
  const auto original = Tokenizer::load(from);
  expect_same_ids(*original, *Tokenizer::load(folder.path() / "m.gguf"));
  convert(folder.path() / "m.gguf", folder.path() / "back", {});
  expect_same_ids(*original, *Tokenizer::load(folder.path() / "back"));
}

TEST(ConvertTokenizer, Stories) {
  SKIP_WITHOUT_DATA("models/stories260K");
  expect_round_trip(test::data_path("models/stories260K"));
}

TEST(ConvertTokenizer, Llama2Json) {
  SKIP_WITHOUT_DATA("tokenizers/llama-2");
  const test::TemporaryFolder folder;
  write_model(folder.path(), test::data_path("tokenizers/llama-2"),
              {"tokenizer.json", "tokenizer_config.json"}, 32003);
  expect_round_trip(folder.path());
}

TEST(ConvertTokenizer, Llama2SentencePiece) {
  SKIP_WITHOUT_DATA("tokenizers/llama-2");
  const test::TemporaryFolder folder;
  write_model(folder.path(), test::data_path("tokenizers/llama-2"),
              {"tokenizer.model", "tokenizer_config.json"}, 32000);
  expect_round_trip(folder.path());
}

TEST(ConvertTokenizer, Llama3) {
  SKIP_WITHOUT_DATA("tokenizers/llama-3");
  const test::TemporaryFolder folder;
  write_model(
      folder.path(), test::data_path("tokenizers/llama-3"),
      {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"},
      128256);
  expect_round_trip(folder.path());
}

// Scores recovered from merges rank as those of the SentencePiece model do.
TEST(ConvertTokenizer, RecoversTheScoresOfLlama2) {
  SKIP_WITHOUT_DATA("tokenizers/llama-2");
  const test::TemporaryFolder folder;
  const fs::path source = test::data_path("tokenizers/llama-2");
  write_model(folder.path() / "json", source, {"tokenizer.json"}, 32000);
  write_model(folder.path() / "model", source, {"tokenizer.model"}, 32000);
  std::vector<std::vector<double>> scores;
  std::vector<std::vector<std::int64_t>> types;
  for (const char* name : {"json", "model"}) {
    const fs::path file = folder.path() / (std::string(name) + ".gguf");
    convert(folder.path() / name, file, {});
    const auto checkpoint = Checkpoint::open(file);
    const GgufMetadata& metadata = checkpoint->metadata();
    scores.push_back(*metadata.numbers("tokenizer.ggml.scores"));
    types.push_back(*metadata.integers("tokenizer.ggml.token_type"));
  }
  EXPECT_EQ(types[0], types[1]);
  // Both fall from word to word. Runs of blanks are last of all there; single
  // characters are never made.
  size_t compared = 0;
  std::vector<double> last = {0.5, 0.5};
  double highest_of_blanks = -1e9;
  for (size_t id = 259; id < scores[0].size(); ++id) {
    if (scores[0][id] == -1e6) continue;
    if (scores[1][id] == -1e9) {
      highest_of_blanks = std::max(highest_of_blanks, scores[0][id]);
      continue;
    }
    for (size_t i = 0; i < 2; ++i) {
      ASSERT_LT(scores[i][id], last[i]) << id;
      last[i] = scores[i][id];
    }
    ++compared;
  }
  EXPECT_LT(highest_of_blanks, last[0]);
  EXPECT_GT(compared, 29'500U);
}

TEST(ConvertTokenizer, LlamaCppsOwnVocabulary) {
  SKIP_WITHOUT_DATA("gguf/llama-2-tiny-random.gguf");
  const test::TemporaryFolder folder;
  const fs::path from = test::data_path("gguf/llama-2-tiny-random.gguf");
  convert(from, folder.path() / "hf", {});
  expect_same_ids(*Tokenizer::load(from),
                  *Tokenizer::load(folder.path() / "hf"));
}

// A byte-level tokenizer of a few tokens, with `edit` applied.
class SmallTokenizer : public testing::Test {
 protected:
  SmallTokenizer() {
    test::write_random_model(model(), {.vocab_size = 12,
                                       .hidden_size = 8,
                                       .intermediate_size = 8,
                                       .n_layers = 1,
                                       .n_heads = 1,
                                       .n_kv_heads = 1,
                                       .head_dim = 8,
                                       .bos = 8});
    json_ = nlohmann::json::parse(R"({
      "added_tokens": [
        {"id": 8, "content": "<b>", "special": true},
        {"id": 9, "content": "<u>", "special": false},
        {"id": 10, "content": "<v>", "special": false}],
      "normalizer": null,
      "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false,
                        "use_regex": true},
      "post_processor": null,
      "decoder": {"type": "ByteLevel"},
      "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "Ġ": 3,
                "ab": 4, "Ġab": 5, "<": 6, ">": 7},
                "merges": ["a b", ["Ġ", "ab"]]}})");
  }

  fs::path model() const { return folder_.path() / "model"; }
  fs::path gguf() const { return folder_.path() / "m.gguf"; }
  void write() const {
    std::ofstream(model() / "tokenizer.json") << json_.dump();
    std::ofstream(model() / "tokenizer_config.json")
        << R"({"bos_token": "<b>", "eos_token": "<u>",
               "chat_template": "{{ messages }}"})";
  }
  std::optional<std::string> error() const {
    write();
    return error_of([&] { convert(model(), gguf(), {}); });
  }

  test::TemporaryFolder folder_;
  nlohmann::json json_;
};

TEST_F(SmallTokenizer, IsDescribedWhole) {
  write();
  convert(model(), gguf(), {});
  const auto checkpoint = Checkpoint::open(gguf());
  const GgufMetadata& m = checkpoint->metadata();
  using testing::ElementsAre;
  EXPECT_EQ(*m.string("tokenizer.ggml.model"), "gpt2");
  EXPECT_EQ(*m.string("tokenizer.ggml.pre"), "gpt-2");
  EXPECT_THAT(*m.strings("tokenizer.ggml.tokens"),
              ElementsAre("a", "b", "c", "Ġ", "ab", "Ġab", "<", ">", "<b>",
                          "<u>", "<v>", "[PAD11]"));
  EXPECT_THAT(*m.integers("tokenizer.ggml.token_type"),
              ElementsAre(1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 4, 5));
  EXPECT_THAT(*m.strings("tokenizer.ggml.merges"), ElementsAre("a b", "Ġ ab"));
  EXPECT_THAT(m.integer("tokenizer.ggml.bos_token_id"), Optional(8));
  EXPECT_THAT(m.integer("tokenizer.ggml.eos_token_id"), Optional(9));
  EXPECT_THAT(m.integer("tokenizer.ggml.eot_token_id"), Optional(2));
  EXPECT_THAT(m.boolean("tokenizer.ggml.add_bos_token"), Optional(false));
  EXPECT_EQ(*m.string("tokenizer.chat_template"), "{{ messages }}");
  expect_round_trip(model());
}

TEST_F(SmallTokenizer, KeepsWhatSurroundsAText) {
  const auto special = [](const char* text) {
    return nlohmann::json{{"SpecialToken", {{"id", text}, {"type_id", 0}}}};
  };
  const nlohmann::json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  json_["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single", {special("<b>"), text, special("<u>")}},
      {"pair", nlohmann::json::array()},
      {"special_tokens",
       {{"<b>", {{"id", "<b>"}, {"ids", {8}}, {"tokens", {"<b>"}}}},
        {"<u>", {{"id", "<u>"}, {"ids", {9}}, {"tokens", {"<u>"}}}}}}};
  write();
  expect_round_trip(model());
  json_["post_processor"]["single"].push_back(special("<b>"));
  EXPECT_THAT(error(), Optional(HasSubstr("other tokens than BOS and EOS")));
}

TEST_F(SmallTokenizer, RefusesWhatGgufHasNoNameFor) {
  const nlohmann::json cutter = json_["pre_tokenizer"];
  json_["pre_tokenizer"]["add_prefix_space"] = true;
  EXPECT_THAT(error(), Optional(HasSubstr("add_prefix_space")));
  json_["pre_tokenizer"] = {{"type", "Split"},
                            {"pattern", {{"Regex", "x+"}}},
                            {"behavior", "Isolated"},
                            {"invert", false}};
  EXPECT_THAT(error(),
              Optional(HasSubstr("those of a pre-tokenizer that GGUF has")));
  json_["pre_tokenizer"] = {{"type", "Whitespace"}};
  EXPECT_TRUE(error());
  json_["pre_tokenizer"] = cutter;
  json_["added_tokens"].push_back(
      {{"id", 12}, {"content", "<x>"}, {"special", true}});
  EXPECT_THAT(error(), Optional(HasSubstr("has 13 tokens, the model only 12")));
  EXPECT_FALSE(fs::exists(gguf()));
}

TEST_F(SmallTokenizer, RefusesTokensThatJsonCannotHold) {
  const auto write_gguf_with = [&](const std::vector<std::string>& tokens) {
    test::write_random_gguf(gguf(), {.vocab_size = 4}, {}, [&](GgufHeader& h) {
      h.set_string("tokenizer.ggml.model", "gpt2");
      h.set_string("tokenizer.ggml.pre", "gpt-2");
      h.set_strings("tokenizer.ggml.tokens", tokens);
      h.set_strings("tokenizer.ggml.merges", {});
    });
    return error_of([&] { convert(gguf(), folder_.path() / "new", {}); });
  };
  EXPECT_EQ(write_gguf_with({"a", "b", "c", "d"}), std::nullopt);
  fs::remove_all(folder_.path() / "new");
  EXPECT_THAT(write_gguf_with({"a", "b\xFF", "c", "d"}),
              Optional(HasSubstr("not UTF-8")));
  EXPECT_THAT(write_gguf_with({"a", "b", "c", "b"}),
              Optional(HasSubstr("tokens 1 and 3 are both \"b\"")));
  EXPECT_FALSE(fs::exists(folder_.path() / "new"));
}

}  // namespace
}  // namespace pilotfish
