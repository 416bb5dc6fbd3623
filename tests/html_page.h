#ifndef PILOTFISH_TESTS_HTML_PAGE_H_
#define PILOTFISH_TESTS_HTML_PAGE_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

// The pages that the command line writes: one static page, and data inside it.
// What a browser makes of both is tested in tests/pages.
namespace pilotfish::test {

// The page without its data, and the data as they stand in it. Both empty where
// the page has no place for data.
struct HtmlPage {
  std::string frame;
  std::string data;
};

inline HtmlPage parts_of(const std::string& page) {
  constexpr std::string_view kBegin =
      "<script type=\"application/json\" id=\"data\">";
  constexpr std::string_view kEnd = "</script>";
  const size_t tag = page.find(kBegin);
  if (tag == page.npos) return {};
  const size_t begin = tag + kBegin.size();
  const size_t end = page.find(kEnd, begin);
  if (end == page.npos) return {};
  return {page.substr(0, begin) + page.substr(end),
          page.substr(begin, end - begin)};
}

// Discarded where the page has none that can be read.
inline nlohmann::json data_of(const std::string& page) {
  return nlohmann::json::parse(parts_of(page).data, nullptr, false);
}

inline size_t count_of(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != text.npos; ++at) ++count;
  return count;
}

// What is wrong with a page, or "": data that could be read as markup, anything
// from outside, scripts beside its own, or a script that parses markup.
inline std::string html_fault(const std::string& page) {
  if (!page.starts_with("<!DOCTYPE html>\n<html lang=")) return "no doctype";
  const auto [frame, data] = parts_of(page);
  if (data.empty()) return "no data";
  if (data.find('<') != data.npos) return "a tag in the data";
  if (!nlohmann::json::accept(data)) return "data that are not JSON";
  // The name of SVG is no address: nothing is loaded from there.
  if (count_of(frame, "http") != 2 || count_of(frame, "http-equiv") != 1 ||
      count_of(frame, "http://www.w3.org/2000/svg") != 1) {
    return "something from outside";
  }
  if (count_of(frame, "<script") != 2 || count_of(frame, "</script") != 2) {
    return "a foreign script";
  }
  for (const char* parser : {"innerHTML", "outerHTML", "insertAdjacentHTML",
                             "document.write", "DOMParser", "eval("}) {
    if (frame.find(parser) != frame.npos) {
      return std::string("the script uses ") + parser;
    }
  }
  for (const char* element : {"<img", "<link", "<iframe", "<object", " src="}) {
    if (frame.find(element) != frame.npos) {
      return std::string("a foreign ") + element;
    }
  }
  return "";
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_TESTS_HTML_PAGE_H_
