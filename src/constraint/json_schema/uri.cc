#include "constraint/json_schema/uri.h"

#include <algorithm>
#include <charconv>
#include <cstddef>

namespace pilotfish::json_schema {
namespace {

// Takes what stands in front of the first of `ends` off `rest`.
std::string_view take_until(std::string_view& rest, std::string_view ends) {
  const std::size_t end = std::min(rest.find_first_of(ends), rest.size());
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(end);
  return taken;
}

bool is_scheme(std::string_view text) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  if (text.empty() || !is_letter(text.front())) return false;
  for (const char c : text) {
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_letter(c) && !is_digit && c != '+' && c != '-' && c != '.') {
      return false;
    }
  }
  return true;
}

std::string without_dot_segments(std::string_view path) {
  std::string out;
  const auto drop_last = [&] {
    out.erase(std::min(out.rfind('/'), out.size()));
  };
  while (!path.empty()) {
    if (path.starts_with("../")) {
      path.remove_prefix(3);
    } else if (path.starts_with("./") || path.starts_with("/./")) {
      path.remove_prefix(2);
    } else if (path == "/.") {
      path = "/";
    } else if (path.starts_with("/../")) {
      path.remove_prefix(3);
      drop_last();
    } else if (path == "/..") {
      path = "/";
      drop_last();
    } else if (path == "." || path == "..") {
      path = {};
    } else {
      const std::size_t end = std::min(path.find('/', 1), path.size());
      out += path.substr(0, end);
      path.remove_prefix(end);
    }
  }
  return out;
}

std::string merged_path(const Uri& base, const std::string& path) {
  if (!base.authority.empty() && base.path.empty()) return "/" + path;
  const std::size_t slash = base.path.rfind('/');
  if (slash == std::string::npos) return path;
  return base.path.substr(0, slash + 1) + path;
}

}  // namespace

Uri Uri::parse(std::string_view reference) {
  Uri uri;
  std::string_view rest = reference;
  if (const std::size_t hash = rest.find('#'); hash != rest.npos) {
    uri.fragment = rest.substr(hash + 1);
    rest = rest.substr(0, hash);
  }
  if (const std::size_t colon = rest.find_first_of(":/?");
      colon != rest.npos && rest[colon] == ':' &&
      is_scheme(rest.substr(0, colon))) {
    uri.scheme = rest.substr(0, colon);
    rest.remove_prefix(colon + 1);
  }
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    uri.authority = "//";
    uri.authority += take_until(rest, "/?");
  }
  uri.path = take_until(rest, "?");
  uri.query = rest;
  return uri;
}

std::string Uri::resource() const {
  std::string text = scheme;
  if (!scheme.empty()) text += ':';
  return text + authority + path + query;
}

Uri resolve_uri(const Uri& base, const Uri& reference) {
  Uri target = reference;
  if (!reference.scheme.empty()) {
    target.path = without_dot_segments(reference.path);
    return target;
  }
  target.scheme = base.scheme;
  if (!reference.authority.empty()) {
    target.path = without_dot_segments(reference.path);
    return target;
  }
  target.authority = base.authority;
  if (reference.path.empty()) {
    target.path = base.path;
    if (reference.query.empty()) target.query = base.query;
  } else if (reference.path.starts_with('/')) {
    target.path = without_dot_segments(reference.path);
  } else {
    target.path = without_dot_segments(merged_path(base, reference.path));
  }
  return target;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 1] + 2, byte, 16).ptr ==
            &text[i + 1] + 2) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace pilotfish::json_schema
