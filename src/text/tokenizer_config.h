#ifndef PILOTFISH_TEXT_TOKENIZER_CONFIG_H_
#define PILOTFISH_TEXT_TOKENIZER_CONFIG_H_

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/vocabulary.h"

namespace pilotfish {

// What the files beside a Hugging Face tokenizer say about it:
// tokenizer_config.json, special_tokens_map.json, config.json and
// chat_template.jinja.
struct TokenizerConfig {
  // Texts from the first two files, and ids from config.json for want of them.
  std::optional<std::string> bos_text;
  std::optional<std::string> eos_text;
  std::optional<std::int64_t> bos_id;
  std::optional<std::int64_t> eos_id;
  std::optional<bool> add_bos;
  std::optional<bool> add_eos;
  std::string tokenizer_class;
  bool legacy = true;             // Llama's: a blank after every special token
  std::vector<AddedToken> added;  // added_tokens_decoder
  std::string chat_template;

  // The id of a text or id above, where the vocabulary has it.
  std::optional<Token> bos(const Vocabulary& vocabulary) const;
  std::optional<Token> eos(const Vocabulary& vocabulary) const;
};

// Appends to `added` the tokens of `config` that are not there, and gives them
// their ids. Throws Error, naming `where`, where two files disagree.
void add_configured_tokens(const TokenizerConfig& config,
                           std::vector<AddedToken>& added,
                           Vocabulary& vocabulary, const std::string& where);

// Reads those of the files that are in `folder`. Throws Error where one is
// malformed.
TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder);

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_TOKENIZER_CONFIG_H_
