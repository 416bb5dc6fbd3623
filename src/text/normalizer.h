#ifndef PILOTFISH_TEXT_NORMALIZER_H_
#define PILOTFISH_TEXT_NORMALIZER_H_

#include <memory>
#include <string>
#include <vector>

namespace pilotfish {

class JsonNode;

// Rewrites a text before it is cut into tokens. Bytes that are no UTF-8 pass
// through. Immutable and thread-safe.
class Normalizer {
 public:
  virtual ~Normalizer() = default;

  // `at_start` tells whether `text` begins what the caller encodes, rather than
  // following a special token.
  virtual std::string apply(std::string text, bool at_start) const = 0;
};

// What the "normalizer" of a tokenizer.json describes. Throws Error naming the
// kind where it is not known.
std::unique_ptr<const Normalizer> normalizer_from_json(const JsonNode& node);

// What a SentencePiece model does to blanks: every space becomes U+2581, with
// one more in front of the text.
struct BlankRules {
  enum class Prefix { kNever, kFirst, kAlways };
  // kFirst: only in front of a text that follows no special token.
  Prefix prefix = Prefix::kAlways;
  bool escape = true;         // spaces become U+2581
  bool remove_extra = false;  // drop them at both ends, and repeated ones
};
std::unique_ptr<const Normalizer> make_blank_normalizer(BlankRules rules);

// Unicode's canonical composition, which Qwen models ask for.
std::unique_ptr<const Normalizer> make_nfc_normalizer();

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_NORMALIZER_H_
