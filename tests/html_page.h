#ifndef PILOTFISH_TESTS_HTML_PAGE_H_
#define PILOTFISH_TESTS_HTML_PAGE_H_

#include <algorithm>
#include <regex>
#include <set>
#include <string>
#include <vector>

// A light check of the pages that the command line writes, and their tables.
namespace pilotfish::test {

namespace html_internal {

// The page without what its own style and script hold.
inline std::string without_assets(const std::string& page) {
  std::string left = page;
  for (const std::string name : {"style", "script"}) {
    const size_t begin = left.find("<" + name + ">");
    const size_t end = left.find("</" + name + ">");
    if (begin == left.npos || end == left.npos) continue;
    left.erase(begin, end - begin + name.size() + 3);
  }
  return left;
}

inline std::string unescaped(std::string text) {
  for (const auto& [entity, character] :
       {std::pair{"&lt;", "<"}, std::pair{"&gt;", ">"},
        std::pair{"&quot;", "\""}, std::pair{"&amp;", "&"}}) {
    const std::string name = entity;
    for (size_t at = 0; (at = text.find(name, at)) != text.npos; ++at) {
      text.replace(at, name.size(), character);
    }
  }
  return text;
}

// What lies between `begin` and `end`, each time.
inline std::vector<std::string> all_between(const std::string& text,
                                            const std::string& begin,
                                            const std::string& end) {
  std::vector<std::string> found;
  size_t from = 0;
  while ((from = text.find(begin, from)) != text.npos) {
    from += begin.size();
    const size_t to = text.find(end, from);
    if (to == text.npos) break;
    found.push_back(text.substr(from, to - from));
    from = to;
  }
  return found;
}

}  // namespace html_internal

// What a reader sees of a piece of HTML.
inline std::string seen_text(const std::string& html) {
  std::string text;
  bool inside = false;
  for (const char c : html) {
    if (c == '<') inside = true;
    if (!inside) text += c;
    if (c == '>') inside = false;
  }
  return html_internal::unescaped(text);
}

// What is wrong with a page, or "": tags that do not match, ids that are there
// twice or missing, anything from outside, scripts that are not the page's own.
inline std::string html_fault(const std::string& page) {
  using namespace html_internal;
  if (!page.starts_with("<!DOCTYPE html>\n<html lang=")) return "no doctype";
  if (page.find("http:") != page.npos || page.find("https:") != page.npos) {
    return "something from outside";
  }
  const std::string markup = without_assets(page);
  const std::set<std::string> empty = {"meta", "br", "col", "wbr"};
  std::vector<std::string> open;
  std::set<std::string> ids;
  std::vector<std::string> links;
  for (size_t at = 16; (at = markup.find('<', at)) != markup.npos;) {
    const size_t end = markup.find('>', at);
    if (end == markup.npos) return "a tag without end";
    const std::string tag = markup.substr(at + 1, end - at - 1);
    at = end;
    if (tag.starts_with("/")) {
      if (open.empty() || open.back() != tag.substr(1)) {
        return "</" + tag.substr(1) + "> closes " +
               (open.empty() ? "nothing" : open.back());
      }
      open.pop_back();
      continue;
    }
    static const std::regex kTag(
        R"re(([a-z][a-z0-9]*)(?: ([a-zA-Z0-9:-]+="[^"<>]*"))*)re");
    std::smatch match;
    if (!std::regex_match(tag, match, kTag)) return "odd tag <" + tag + ">";
    const std::string name = match[1];
    if (name == "script" || name == "style" || name == "iframe" ||
        name == "img" || name == "link" || name == "object") {
      return "a foreign <" + name + ">";
    }
    if (tag.find(" on") != tag.npos) return "a handler in <" + tag + ">";
    if (!empty.contains(name)) open.push_back(name);
    for (const std::string& id : all_between(tag, " id=\"", "\"")) {
      if (!ids.insert(id).second) return "id " + id + " is there twice";
    }
    for (const std::string& link : all_between(tag, " href=\"", "\"")) {
      if (!link.starts_with("#")) return "a link to " + link;
      links.push_back(link.substr(1));
    }
  }
  for (const std::string& link : links) {
    if (!ids.contains(link)) return "no id " + link;
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

// The cells, as seen, of each row in the body of the table of a class.
inline std::vector<std::vector<std::string>> table_rows(
    const std::string& page, const std::string& css_class) {
  using namespace html_internal;
  std::vector<std::vector<std::string>> rows;
  for (const std::string& table :
       all_between(page, "<table class=\"" + css_class + "\">", "</table>")) {
    const std::string body = table.substr(table.find("<tbody>"));
    for (const std::string& row : all_between(body, "<tr", "</tr>")) {
      rows.emplace_back();
      for (const std::string& cell : all_between(row, "<td", "</td>")) {
        rows.back().push_back(seen_text("<td" + cell));
      }
    }
  }
  return rows;
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_TESTS_HTML_PAGE_H_
