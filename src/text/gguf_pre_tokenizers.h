#ifndef PILOTFISH_TEXT_GGUF_PRE_TOKENIZERS_H_
#define PILOTFISH_TEXT_GGUF_PRE_TOKENIZERS_H_

#include <span>
#include <string_view>
#include <vector>

namespace pilotfish {

// What a value of tokenizer.ggml.pre stands for: the tokenizer.json of the
// models that bear it.
struct GgufPreTokenizer {
  std::vector<std::string_view> names;     // the first is the usual one
  std::vector<std::string_view> patterns;  // to cut along, in turn
  bool ignore_merges = false;
  bool nfc = false;
  bool add_bos = false;  // where the file does not say
};

// Those that are known, for the gpt2 model of tokenizer.
std::span<const GgufPreTokenizer> gguf_pre_tokenizers();

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_GGUF_PRE_TOKENIZERS_H_
