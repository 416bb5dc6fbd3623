#ifndef PILOTFISH_TEXT_PRE_TOKENIZER_H_
#define PILOTFISH_TEXT_PRE_TOKENIZER_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/regex.h"

namespace pilotfish {

class JsonNode;

// A text and the pieces of it that are encoded apart from each other, in order
// and without overlap. Text outside every piece is dropped.
struct PieceList {
  std::string text;
  std::vector<Span> pieces;
  bool at_start = true;  // the text begins what the caller encodes
};

// Cuts each piece further, and may rewrite it. Immutable and thread-safe.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(PieceList& list) const = 0;
};

// What a cut does with the matches of its pattern (Hugging Face's
// SplitDelimiterBehavior).
enum class SplitBehaviour {
  kRemoved,
  kIsolated,
  kMergedWithPrevious,
  kMergedWithNext,
  kContiguous,
};

// What the "pre_tokenizer" of a tokenizer.json describes. Throws Error naming
// the kind where it is not known.
std::unique_ptr<const PreTokenizer> pre_tokenizer_from_json(
    const JsonNode& node);

// Cuts along each of `patterns` in turn, matches isolated, and spells the
// result in byte-level characters.
std::unique_ptr<const PreTokenizer> make_byte_level_pre_tokenizer(
    const std::vector<std::string_view>& patterns);

// GPT-2's own pattern.
extern const std::string_view kGpt2Pattern;

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

#endif  // PILOTFISH_TEXT_PRE_TOKENIZER_H_
