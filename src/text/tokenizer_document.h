#ifndef PILOTFISH_TEXT_TOKENIZER_DOCUMENT_H_
#define PILOTFISH_TEXT_TOKENIZER_DOCUMENT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "text/vocabulary.h"

namespace pilotfish {

// A tokenizer.json, with its two long lists apart: as JSON values they would
// cost half a million allocations.
struct TokenizerDocument {
  struct Merge {
    std::string text;  // left and right, one behind the other
    size_t split = 0;  // where the right side begins
    std::string_view left() const {
      return std::string_view(text).substr(0, split);
    }
    std::string_view right() const {
      return std::string_view(text).substr(split);
    }
  };

  nlohmann::json rest;        // without model.vocab and model.merges
  Vocabulary vocabulary;      // model.vocab
  std::vector<Merge> merges;  // model.merges, by rank
  bool has_vocabulary = false;
  bool has_merges = false;
};

// Throws Error, naming `where`, for malformed JSON, JSON nested deeper than 64
// levels, a key that stands twice, and malformed lists. `rest` is an object.
TokenizerDocument parse_tokenizer_document(std::string_view text,
                                           const std::string& where);

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_TOKENIZER_DOCUMENT_H_
