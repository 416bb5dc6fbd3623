#ifndef PILOTFISH_CONSTRAINT_PATTERN_CHARACTERS_H_
#define PILOTFISH_CONSTRAINT_PATTERN_CHARACTERS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "constraint/code_points.h"
#include "constraint/cursor.h"
#include "constraint/regex.h"

namespace pilotfish {

// Throws the UsageError for what stands at a byte of a regular expression.
[[noreturn]] void fail_pattern(std::string_view pattern, std::size_t place,
                               std::string_view what);

// Reads the parts of a regular expression that stand for one character:
// escapes, and classes in brackets.
class PatternCharacters {
 public:
  PatternCharacters(Cursor& cursor, RegexOptions::Syntax syntax)
      : cursor_(cursor), ecma_(syntax == RegexOptions::Syntax::kEcma) {}

  // Goes past an escape outside brackets. Requires: at its backslash.
  CodePointSet escape(bool ignore_case);
  // Goes past a class. Requires: at its opening bracket.
  CodePointSet brackets(bool ignore_case);

 private:
  // One character, or what \d and its like stand for.
  using Item = std::variant<char32_t, CodePointSet>;

  // The members of a class while it is read: those that get their other cases
  // at its end, and those that have them, or must not.
  struct Members {
    std::vector<CodePointRange> plain;
    std::vector<CodePointRange> ready;

    void add(const Item& item);
  };

  [[noreturn]] void fail(std::size_t place, std::string_view what) const;

  void read_range(Members& members, bool ignore_case);
  Item read_item(bool ignore_case);
  Item read_escape(bool in_brackets, bool ignore_case);
  std::optional<CodePointSet> read_named_class(bool ignore_case);
  std::optional<CodePointSet> read_posix_class(bool ignore_case);
  CodePointSet read_unicode_class(bool ignore_case);
  std::optional<char32_t> read_numeric_escape(std::size_t begin);
  std::optional<char32_t> read_utf16_escape(std::size_t begin);
  std::optional<char32_t> read_letter_escape(bool in_brackets) const;
  [[noreturn]] void refuse_escape(std::size_t begin) const;
  // Adds to what classes of the whole pattern may take.
  CodePointSet counted(CodePointSet set);

  Cursor& cursor_;
  bool ecma_;
  std::int64_t ranges_ = 0;  // of all classes
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_PATTERN_CHARACTERS_H_
