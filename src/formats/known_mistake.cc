#include "formats/known_mistake.h"

#include <algorithm>

namespace pilotfish {
namespace {

// `start` is in lower case.
bool starts_with_any_case(std::string_view text, std::string_view start) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return text.size() >= start.size() &&
         std::equal(start.begin(), start.end(), text.begin(),
                    [&](char a, char b) { return a == lower(b); });
}

}  // namespace

std::optional<std::string_view> known_mistake(std::string_view contents) {
  if (contents.empty()) {
    return "the file is empty: the download or the writing of it failed; get "
           "it again";
  }
  if (contents.starts_with("version https://git-lfs")) {
    return "a git-lfs pointer, not the file that it stands for; run git lfs "
           "pull in the folder it came from";
  }
  const size_t start = contents.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return std::nullopt;
  const std::string_view text = contents.substr(start);
  if (starts_with_any_case(text, "<!doctype html") ||
      starts_with_any_case(text, "<html")) {
    return "a web page, not a file of a model; download the file itself (a "
           "gated model needs a login)";
  }
  return std::nullopt;
}

}  // namespace pilotfish
