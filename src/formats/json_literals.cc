#include "formats/json_literals.h"

#include <algorithm>

namespace pilotfish {
namespace {

constexpr std::string_view kLiterals[] = {"NaN", "Infinity", "-Infinity"};

// One past the end of the string that starts at `begin`.
size_t string_end(std::string_view text, size_t begin) {
  size_t i = begin + 1;
  while (i < text.size() && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
  return std::min(i + 1, text.size());
}

}  // namespace

size_t QuotedLiterals::original(size_t place) const {
  const auto before = std::count_if(ends.begin(), ends.end(),
                                    [&](size_t end) { return end <= place; });
  return place - 2 * static_cast<size_t>(before);
}

QuotedLiterals quote_literals(std::string_view json) {
  QuotedLiterals quoted;
  size_t i = 0;
  while (i < json.size()) {
    const std::string_view rest = json.substr(i);
    if (rest.front() == '"') {
      const size_t end = string_end(json, i);
      quoted.text += json.substr(i, end - i);
      i = end;
      continue;
    }
    const auto literal = std::find_if(
        std::begin(kLiterals), std::end(kLiterals),
        [&](std::string_view name) { return rest.starts_with(name); });
    if (literal == std::end(kLiterals)) {
      quoted.text += rest.front();
      ++i;
      continue;
    }
    quoted.text += '"';
    quoted.text += *literal;
    quoted.text += '"';
    quoted.ends.push_back(quoted.text.size());
    i += literal->size();
  }
  return quoted;
}

}  // namespace pilotfish
