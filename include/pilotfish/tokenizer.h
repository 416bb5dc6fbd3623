#ifndef PILOTFISH_TOKENIZER_H_
#define PILOTFISH_TOKENIZER_H_

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/token.h"

namespace pilotfish {

// Bytes [begin, end) of a text.
struct TextRange {
  size_t begin = 0;
  size_t end = 0;

  bool operator==(const TextRange&) const = default;
};

struct EncodeOptions {
  // Add what the model's post-processor adds (usually BOS in front).
  bool add_special = true;
  // Read the text of a special token ("<|eot_id|>") as that token. Switch it
  // off for text from people you do not trust.
  bool parse_special = true;
  // Where `parse_special` is off for a part of the text alone: no special token
  // is read that lies in one of these ranges or overlaps one. They stand in the
  // order of the text; RenderedChat::content is such a list.
  std::span<const TextRange> literal = {};
};

// Text to token ids and back. Immutable: any number of threads may share one.
class Tokenizer {
 public:
  // Reads a Hugging Face folder (tokenizer.json, else tokenizer.model, with
  // tokenizer_config.json and special_tokens_map.json beside it), one of those
  // files, or the metadata of a GGUF file. Throws Error when there is none or
  // it is malformed; a model folder without a tokenizer gives nullptr only from
  // `load_if_present`.
  static std::shared_ptr<const Tokenizer> load(
      const std::filesystem::path& path);
  static std::shared_ptr<const Tokenizer> load_if_present(
      const std::filesystem::path& path);

  virtual ~Tokenizer() = default;

  // Any bytes are taken; what is not UTF-8 is encoded as the model's tokenizer
  // would (bytes where it has them, else U+FFFD).
  virtual std::vector<Token> encode(
      std::string_view text, const EncodeOptions& options = {}) const = 0;

  // The bytes these ids stand for; a character split over tokens gives the part
  // that is there, so the result of a prefix need not be valid UTF-8.
  // `skip_special` leaves out BOS, EOS and their like. Throws UsageError for an
  // id below 0.
  virtual std::string decode(std::span<const Token> tokens,
                             bool skip_special = true) const = 0;

  // Texts have ids in [0, vocab_size()), and encode gives no others. A model
  // may have more rows than that, and generate them: their ids have the empty
  // text and are not special.
  virtual size_t vocab_size() const = 0;

  // The vocabulary's own spelling of an id ("▁the", "Ġthe", "<0x0A>"), by which
  // two tokenizers are compared; empty for an id without a text.
  virtual std::string_view token_text(Token token) const = 0;
  virtual std::optional<Token> find(std::string_view token_text) const = 0;
  virtual bool is_special(Token token) const = 0;

  virtual std::optional<Token> bos() const = 0;
  virtual std::optional<Token> eos() const = 0;

  // The Jinja source of the model's chat template; empty where it has none.
  virtual const std::string& chat_template() const = 0;
};

// Explains in one line how two tokenizers differ (the first few ids with both
// spellings), or returns an empty string where every id they share means the
// same. Sizes may differ only by padding beyond the smaller one.
std::string tokenizer_difference(const Tokenizer& a, const Tokenizer& b);

// One line for the user where a prompt has BOS twice: its text begins with BOS,
// and encoding has put another one in front, which models are not used to. Else
// an empty string.
std::string doubled_bos_note(const Tokenizer& tokenizer,
                             std::span<const Token> prompt);

// Turns a stream of tokens into text that is valid UTF-8 at every step: bytes
// of an unfinished character wait for the rest. Special tokens give no text. A
// token costs the same however long the stream is. Not thread-safe.
class TextStream {
 public:
  // Continues after `context` (the prompt), whose text is not repeated: some
  // decoders treat a first token differently from a later one.
  // `tokenizer` must outlive the stream.
  explicit TextStream(const Tokenizer& tokenizer,
                      std::span<const Token> context = {});

  // The text this token completes; empty while a character is unfinished.
  std::string push(Token token);

  // What is still waiting, with U+FFFD for an unfinished character.
  std::string finish();

 private:
  void forget_old_tokens();

  const Tokenizer& tokenizer_;
  // The last tokens that are out, as context for the decoder, then those that
  // wait; decoding them gives `shown_` bytes that are out.
  std::vector<Token> window_;
  size_t shown_ = 0;
};

}  // namespace pilotfish

#endif  // PILOTFISH_TOKENIZER_H_
