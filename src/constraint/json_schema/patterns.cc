#include "constraint/json_schema/patterns.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "constraint/dfa.h"
#include "constraint/json_schema/formats.h"
#include "constraint/regex.h"

namespace pilotfish::json_schema {
namespace {

Dfa search(std::string_view pattern) {
  Grammar grammar;
  return Dfa::of(grammar,
                 regex_to_grammar(grammar, pattern,
                                  {.syntax = RegexOptions::Syntax::kEcma,
                                   .search = true}));
}

// Where the group or class that begins at `from` ends; npos: nowhere.
std::size_t end_of_group(std::string_view pattern, std::size_t from) {
  int depth = 0;
  bool in_class = false;
  for (std::size_t i = from; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      ++i;
    } else if (in_class) {
      in_class = c != ']';
    } else if (c == '[') {
      in_class = true;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')' && --depth == 0) {
      return i;
    }
  }
  return std::string_view::npos;
}

// Whether a pattern is a choice at its top level: "a|b", not "(a|b)".
bool is_choice(std::string_view pattern) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      ++i;
    } else if (pattern[i] == '[') {
      for (++i; i < pattern.size() && pattern[i] != ']'; ++i) {
        if (pattern[i] == '\\') ++i;
      }
    } else if (pattern[i] == '(') {
      const std::size_t end = end_of_group(pattern, i);
      if (end == std::string_view::npos) return false;
      i = end;
    } else if (pattern[i] == '|') {
      return true;
    }
  }
  return false;
}

// A pattern that begins with assertions about all that follows.
struct Assertions {
  std::vector<std::string> wanted = {};    // (?=...)
  std::vector<std::string> unwanted = {};  // (?!...)
  std::string rest;
};

Assertions split(const std::string& pattern) {
  Assertions parts = {.rest = pattern};
  if (!pattern.starts_with("^(?") || is_choice(pattern)) return parts;
  std::size_t at = 1;
  for (;;) {
    const std::string_view rest = std::string_view(pattern).substr(at);
    const bool is_wanted = rest.starts_with("(?=");
    if (!is_wanted && !rest.starts_with("(?!")) break;
    const std::size_t end = end_of_group(pattern, at);
    if (end == std::string::npos) break;
    (is_wanted ? parts.wanted : parts.unwanted)
        .push_back("^(?:" + pattern.substr(at + 3, end - at - 3) + ")");
    at = end + 1;
  }
  parts.rest = "^" + pattern.substr(at);
  return parts;
}

}  // namespace

const StringSet& Patterns::matching(const std::string& pattern) {
  const auto known = matching_.find(pattern);
  if (known != matching_.end()) return known->second;
  const Assertions parts = split(pattern);
  Dfa dfa = search(parts.rest);
  for (const std::string& each : parts.wanted) {
    dfa = dfa.intersect(search(each));
  }
  for (const std::string& each : parts.unwanted) {
    dfa = dfa.minus(search(each));
  }
  return matching_.emplace(pattern, StringSet::matching(dfa)).first->second;
}

const StringSet* Patterns::format(const std::string& name) {
  const auto known = formats_.find(name);
  if (known != formats_.end()) return &known->second;
  std::optional<StringSet> strings = strings_of_format(name);
  if (!strings) return nullptr;
  return &formats_.emplace(name, std::move(*strings)).first->second;
}

}  // namespace pilotfish::json_schema
