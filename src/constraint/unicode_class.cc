#include "constraint/unicode_class.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pilotfish/error.h"
#include "text/regex.h"
#include "text/utf8.h"

namespace pilotfish {
namespace {

using SharedSet = std::shared_ptr<const CodePointSet>;

struct Category {
  std::string_view name;
  std::string_view long_name;
};

constexpr auto kCategories = std::to_array<Category>({
    {"C", "Other"},
    {"Cc", "Control"},
    {"Cf", "Format"},
    {"Cn", "Unassigned"},
    {"Co", "Private_Use"},
    {"Cs", "Surrogate"},
    {"L", "Letter"},
    {"LC", "Cased_Letter"},
    {"Ll", "Lowercase_Letter"},
    {"Lm", "Modifier_Letter"},
    {"Lo", "Other_Letter"},
    {"Lt", "Titlecase_Letter"},
    {"Lu", "Uppercase_Letter"},
    {"M", "Mark"},
    {"M", "Combining_Mark"},
    {"Mc", "Spacing_Mark"},
    {"Me", "Enclosing_Mark"},
    {"Mn", "Nonspacing_Mark"},
    {"N", "Number"},
    {"Nd", "Decimal_Number"},
    {"Nd", "digit"},
    {"Nl", "Letter_Number"},
    {"No", "Other_Number"},
    {"P", "Punctuation"},
    {"P", "punct"},
    {"Pc", "Connector_Punctuation"},
    {"Pd", "Dash_Punctuation"},
    {"Pe", "Close_Punctuation"},
    {"Pf", "Final_Punctuation"},
    {"Pi", "Initial_Punctuation"},
    {"Po", "Other_Punctuation"},
    {"Ps", "Open_Punctuation"},
    {"S", "Symbol"},
    {"Sc", "Currency_Symbol"},
    {"Sk", "Modifier_Symbol"},
    {"Sm", "Math_Symbol"},
    {"So", "Other_Symbol"},
    {"Z", "Separator"},
    {"Zl", "Line_Separator"},
    {"Zp", "Paragraph_Separator"},
    {"Zs", "Space_Separator"},
});

const Category* find_category(std::string_view name, bool long_names) {
  const auto* found =
      std::ranges::find_if(kCategories, [&](const Category& category) {
        return category.name == name ||
               (long_names && category.long_name == name);
      });
  return found == kCategories.end() ? nullptr : found;
}

std::string every_character() {
  std::string text;
  const CodePointSet all({{0, kLastCodePoint}});
  for (const auto& [first, last] : all.ranges()) {
    for (char32_t c = first; c <= last; ++c) append_utf8(c, text);
  }
  return text;
}

// Every stretch of Unicode that has the property, by PCRE2's name for it. Null
// where PCRE2 knows none of that name.
SharedSet find_members(const std::string& property) {
  std::optional<Regex> pattern;
  try {
    pattern.emplace("\\p{" + property + "}+");
  } catch (const Error&) {
    return nullptr;
  }
  const std::string text = every_character();
  std::vector<Span> matches;
  pattern->find_all(text, matches);
  std::vector<CodePointRange> members;
  for (const Span& match : matches) {
    const std::string_view run =
        std::string_view(text).substr(match.begin, match.size());
    members.push_back({utf8_code_point(run),
                       utf8_code_point(run.substr(last_character(run)))});
  }
  return std::make_shared<const CodePointSet>(std::move(members));
}

SharedSet members_of(const std::string& property) {
  static std::mutex mutex;
  static std::map<std::string, SharedSet> known;
  const std::lock_guard lock(mutex);
  const auto found = known.find(property);
  if (found != known.end()) return found->second;
  SharedSet members = find_members(property);
  // Names that mean nothing are not remembered: there is no end of them.
  if (members) known.emplace(property, members);
  return members;
}

SharedSet everything() {
  static const auto all = std::make_shared<const CodePointSet>(
      std::vector<CodePointRange>{{0, kLastCodePoint}});
  return all;
}

bool is_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_';
  });
}

// PCRE2 takes "\p{Greek}" for Script_Extensions; both notations mean Script.
SharedSet script(std::string_view name) {
  return members_of("sc:" + std::string(name));
}

SharedSet category(const Category& category) {
  // A class of characters, which surrogates are not.
  if (category.name == "Cs") {
    return std::make_shared<const CodePointSet>(std::vector<CodePointRange>{});
  }
  return members_of(category.name == "LC" ? "L&" : std::string(category.name));
}

// RE2's "C" leaves out code points that Unicode has not assigned.
SharedSet assigned_others() {
  std::vector<CodePointRange> members;
  for (const char* name : {"Cc", "Cf", "Co"}) {
    const auto& ranges = members_of(name)->ranges();
    members.insert(members.end(), ranges.begin(), ranges.end());
  }
  return std::make_shared<const CodePointSet>(std::move(members));
}

}  // namespace

SharedSet unicode_class(std::string_view name) {
  if (name == "Any") return everything();
  if (name == "C") return assigned_others();
  if (!is_name(name)) return nullptr;
  if (const Category* found = find_category(name, false)) {
    return category(*found);
  }
  return script(name);
}

SharedSet ecma_unicode_class(std::string_view name) {
  const auto equals = name.find('=');
  if (equals != std::string_view::npos) {
    const std::string_view property = name.substr(0, equals);
    const std::string_view value = name.substr(equals + 1);
    if (!is_name(value)) return nullptr;
    if (property == "gc" || property == "General_Category") {
      const Category* found = find_category(value, true);
      return found ? category(*found) : nullptr;
    }
    if (property == "sc" || property == "Script") return script(value);
    if (property == "scx" || property == "Script_Extensions") {
      return members_of("scx:" + std::string(value));
    }
    return nullptr;
  }
  if (name == "Any") return everything();
  if (!is_name(name)) return nullptr;
  if (const Category* found = find_category(name, true)) {
    return category(*found);
  }
  if (SharedSet found = script(name)) return found;
  return members_of(std::string(name));
}

}  // namespace pilotfish
