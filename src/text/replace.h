#ifndef PILOTFISH_TEXT_REPLACE_H_
#define PILOTFISH_TEXT_REPLACE_H_

#include <string>
#include <string_view>
#include <variant>

#include "text/json_node.h"
#include "text/regex.h"

namespace pilotfish {

// `text` with every `from`, which is not empty, turned into `to`.
std::string replace_all(std::string_view text, std::string_view from,
                        std::string_view to);

// A "Replace" normalizer or decoder: every match of a pattern becomes
// `content`.
class Replacement {
 public:
  // Requires that a literal `pattern` is not empty.
  Replacement(std::variant<std::string, Regex> pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}

  std::string apply(std::string_view text) const;

 private:
  std::variant<std::string, Regex> pattern_;
  std::string content_;
};

// A tokenizer.json's {"String": ...} or {"Regex": ...}. Throws Error where the
// one is empty or the other malformed.
std::variant<std::string, Regex> pattern_from_json(const JsonNode& node);

Replacement replacement_from_json(const JsonNode& node);

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_REPLACE_H_
