#include "text/replace.h"

namespace pilotfish {

std::string replace_all(std::string_view text, std::string_view from,
                        std::string_view to) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  size_t begin = 0;
  for (size_t found; (found = text.find(from, begin)) != std::string_view::npos;
       begin = found + from.size()) {
    out += text.substr(begin, found - begin);
    out += to;
  }
  out += text.substr(begin);
  return out;
}

std::string Replacement::apply(std::string_view text) const {
  if (const auto* literal = std::get_if<std::string>(&pattern_)) {
    return replace_all(text, *literal, content_);
  }
  std::vector<Span> matches;
  std::get<Regex>(pattern_).find_all(text, matches);
  std::string out;
  size_t begin = 0;
  for (const Span match : matches) {
    out += text.substr(begin, match.begin - begin);
    out += content_;
    begin = match.end;
  }
  out += text.substr(begin);
  return out;
}

std::variant<std::string, Regex> pattern_from_json(const JsonNode& node) {
  if (const auto literal = node.find("String")) {
    if (literal->string().empty()) throw literal->error("found no characters");
    return literal->string();
  }
  const JsonNode source = node.at("Regex");
  try {
    return Regex(source.string());
  } catch (const Error& e) {
    throw source.error(e.what());
  }
}

Replacement replacement_from_json(const JsonNode& node) {
  return Replacement(pattern_from_json(node.at("pattern")),
                     node.at("content").string());
}

}  // namespace pilotfish
