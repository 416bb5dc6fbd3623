#ifndef PILOTFISH_TEXT_PIPELINE_TOKENIZER_H_
#define PILOTFISH_TEXT_PIPELINE_TOKENIZER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pilotfish/tokenizer.h"
#include "text/added_tokens.h"
#include "text/decoder.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/token_model.h"
#include "text/vocabulary.h"

namespace pilotfish {

// The parts every kind of tokenizer is put together from. Those that are
// pointers may be null, save `vocabulary` and `model`.
struct TokenizerParts {
  std::shared_ptr<const Vocabulary> vocabulary;  // added tokens included
  std::vector<AddedToken> added;
  std::unique_ptr<const Normalizer> normalizer;
  std::unique_ptr<const PreTokenizer> pre_tokenizer;
  std::unique_ptr<const TokenModel> model;
  std::unique_ptr<const Decoder> decoder;
  std::vector<Token> prefix;  // what the post-processor adds in front
  std::vector<Token> suffix;  // and behind
  std::optional<Token> bos;
  std::optional<Token> eos;
  std::string chat_template;
};

// Finds added tokens, normalises and cuts what lies between them, and hands the
// pieces to the model.
class PipelineTokenizer : public Tokenizer {
 public:
  // Throws Error where a token of `parts` lies outside the vocabulary.
  explicit PipelineTokenizer(TokenizerParts parts);

  std::vector<Token> encode(std::string_view text,
                            const EncodeOptions& options) const override;
  std::string decode(std::span<const Token> tokens,
                     bool skip_special) const override;

  size_t vocab_size() const override { return parts_.vocabulary->size(); }
  std::string_view token_text(Token token) const override;
  std::optional<Token> find(std::string_view token_text) const override;
  bool is_special(Token token) const override;
  std::optional<Token> bos() const override { return parts_.bos; }
  std::optional<Token> eos() const override { return parts_.eos; }
  const std::string& chat_template() const override {
    return parts_.chat_template;
  }

 private:
  class Encoding;
  std::optional<size_t> index_of(Token token) const;

  TokenizerParts parts_;
  AddedTokens in_raw_text_;
  AddedTokens in_normal_text_;
  std::vector<bool> added_;    // by id
  std::vector<bool> special_;  // by id
};

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_PIPELINE_TOKENIZER_H_
