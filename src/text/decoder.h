#ifndef PILOTFISH_TEXT_DECODER_H_
#define PILOTFISH_TEXT_DECODER_H_

#include <memory>
#include <string>
#include <vector>

namespace pilotfish {

class JsonNode;

// The text of one token on its way back to plain text.
struct DecodedPart {
  std::string text;
  // An added token's text is plain, not spelled in byte-level characters.
  bool added = false;
};

// Turns token texts into plain text, whose bytes need not be whole characters.
// Immutable and thread-safe.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual void apply(std::vector<DecodedPart>& parts) const = 0;
};

// What the "decoder" of a tokenizer.json describes. Throws Error naming the
// kind where it is not known.
std::unique_ptr<const Decoder> decoder_from_json(const JsonNode& node);

// U+2581 becomes a space and "<0x0A>" a byte, as SentencePiece models need;
// `strip_first` drops one space in front of the text.
std::unique_ptr<const Decoder> make_blank_decoder(bool strip_first);

std::unique_ptr<const Decoder> make_byte_level_decoder();

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_DECODER_H_
