#include "text/token_bytes.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "test_data.h"
#include "text/regex.h"
#include "text/test_vectors.h"

namespace pilotfish {
namespace {

std::string joined(const std::vector<std::string>& bytes,
                   const std::vector<Token>& tokens) {
  std::string text;
  for (const Token token : tokens) text += bytes[static_cast<size_t>(token)];
  return text;
}

class TokenBytes : public ::testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Tokenizers, TokenBytes,
                         ::testing::Values("llama-2", "llama-3"),
                         [](const auto& test) {
                           return test.param == "llama-2" ? "Llama2" : "Llama3";
                         });

TEST_P(TokenBytes, GiveTheTextBackThatWasEncoded) {
  const std::string path = "tokenizers/" + GetParam();
  SKIP_WITHOUT_DATA(path);
  const auto tokenizer = Tokenizer::load(test::data_path(path));
  const std::vector<std::string> bytes = token_bytes(*tokenizer);
  ASSERT_EQ(bytes.size(), tokenizer->vocab_size());
  const bool is_llama_2 = GetParam() == "llama-2";
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    std::string text = "x" + test::random_text(random, 30);
    const std::vector<Token> tokens =
        tokenizer->encode(text, {.add_special = false, .parse_special = false});
    // Llama 2 puts a blank in front, and takes "▁" for one.
    if (is_llama_2) text = " " + replace_all(text, "▁", " ");
    EXPECT_EQ(joined(bytes, tokens), text);
  }
  EXPECT_EQ(bytes[static_cast<size_t>(*tokenizer->bos())], "");
}

}  // namespace
}  // namespace pilotfish
