#ifndef PILOTFISH_TEXT_ADDED_TOKENS_H_
#define PILOTFISH_TEXT_ADDED_TOKENS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/tokenizer.h"
#include "text/normalizer.h"
#include "text/phrase_matcher.h"
#include "text/vocabulary.h"

namespace pilotfish {

// A token that is found in the text as it stands, before the model sees the
// rest. The flags are Hugging Face's.
struct AddedToken {
  std::int64_t id = 0;
  std::string text;
  bool special = false;      // a control token, left out of plain output
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the white space on its left with it
  bool rstrip = false;       // and on its right
  bool normalized = false;   // looked for after normalisation
};

// Gives each token its id in the vocabulary. Throws Error, naming `where`,
// where the id stands for another text or the text has another id.
void add_tokens(const std::vector<AddedToken>& tokens, Vocabulary& vocabulary,
                const std::string& where);

// A stretch of a text, or an added token in its place.
struct TextSegment {
  std::string_view text;  // of a stretch
  Token token = -1;       // -1: a stretch
};

// The added tokens that are looked for at one stage, before or after the text
// is normalised. Immutable and thread-safe.
class AddedTokens {
 public:
  // `tokens` with the text each is found by.
  explicit AddedTokens(
      const std::vector<std::pair<std::string, AddedToken>>& tokens);

  bool empty() const { return all_.empty(); }

  // Cuts `text` at the added tokens in it; special ones only if
  // `parse_special` and where none of `literal`, which stand in order, overlaps
  // them. No segment is empty. A token takes no white space away from another
  // that begins with it, as in Hugging Face's tokenizers.
  std::vector<TextSegment> split(std::string_view text, bool parse_special,
                                 std::span<const TextRange> literal = {}) const;

 private:
  struct Rules {
    bool special = false;
    bool single_word = false;
    bool lstrip = false;
    bool rstrip = false;
  };

  PhraseMatcher all_;
  PhraseMatcher plain_;
  std::vector<Rules> rules_;  // by the number that stands for the token below
  std::vector<Token> ids_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_ADDED_TOKENS_H_
