#ifndef PILOTFISH_TEXT_REGEX_H_
#define PILOTFISH_TEXT_REGEX_H_

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pilotfish {

class JsonNode;

// A stretch of a text, in bytes.
struct Span {
  size_t begin = 0;
  size_t end = 0;
  size_t size() const { return end - begin; }
};

// A regular expression as tokenizer.json files write them: Oniguruma's Ruby
// syntax with Unicode classes, run by PCRE2 (compiled to machine code where it
// can be). Immutable and thread-safe.
class Regex {
 public:
  // Throws Error, naming the place in `pattern`, where it is malformed.
  explicit Regex(std::string_view pattern);

  // Appends every match in `text`, from left to right, empty ones left out.
  // Bytes that are no UTF-8 match nothing and end a match before them. Throws
  // Error where the pattern backtracks without end.
  void find_all(std::string_view text, std::vector<Span>& out) const;

 private:
  void find_in_run(std::string_view run, size_t offset,
                   std::vector<Span>& out) const;

  std::string pattern_;
  std::shared_ptr<const void> code_;  // pcre2_code, shared by copies
};

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

#endif  // PILOTFISH_TEXT_REGEX_H_
