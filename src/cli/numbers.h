#ifndef PILOTFISH_CLI_NUMBERS_H_
#define PILOTFISH_CLI_NUMBERS_H_

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace pilotfish::cli {

// The number that `text` is, all of it: in decimal, without spaces, with a sign
// or without. nullopt where it is none, or T cannot hold it. A floating-point
// result can be infinite or NaN.
template <typename T>
std::optional<T> parse_number(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') {
    text.remove_prefix(1);
  }
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_NUMBERS_H_
