#include "cli/flag_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "cli/numbers.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

[[noreturn]] void refuse_value(const std::string& flag, const std::string& text,
                               const std::string& expected) {
  throw UsageError(
      fmt::format("{}: found \"{}\", expected {}", flag, text, expected));
}

template <typename Integer>
std::string kind_of_number(const FlagRules& rules) {
  if (rules.range) {
    return fmt::format("a whole number from {} to {}", rules.range->first,
                       rules.range->second);
  }
  using Limits = std::numeric_limits<Integer>;
  return fmt::format("a whole number{} up to {}",
                     std::is_unsigned_v<Integer> ? " from 0" : "",
                     Limits::max());
}

}  // namespace

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::vector<std::string> values_of(const std::string& flag,
                                   std::vector<std::string> arguments,
                                   const FlagRules& rules) {
  if (!rules.repeatable && !rules.takes_several) {
    arguments = {arguments.back()};
  }
  if (rules.comma_separated) arguments = split_at_commas(arguments.back());
  if (rules.may_be_empty) return arguments;
  for (const std::string& argument : arguments) {
    if (!argument.empty()) continue;
    throw UsageError(
        fmt::format("{}: {} is empty", flag,
                    arguments.size() > 1 ? "one of its values" : "its value"));
  }
  return arguments;
}

template <typename T>
T parse_value(const std::string& flag, const std::string& text,
              const FlagRules& rules) {
  const auto number = parse_number<T>(text);
  if constexpr (std::is_integral_v<T>) {
    const auto in_range = [&](T value) {
      return !rules.range ||
             (std::cmp_greater_equal(value, rules.range->first) &&
              std::cmp_less_equal(value, rules.range->second));
    };
    if (!number || !in_range(*number)) {
      refuse_value(flag, text, kind_of_number<T>(rules));
    }
  } else if (!number || !std::isfinite(*number)) {
    refuse_value(flag, text, "a finite number");
  }
  return *number;
}

template <>
std::string parse_value(const std::string& /*flag*/, const std::string& text,
                        const FlagRules& /*rules*/) {
  return text;
}

template int parse_value(const std::string&, const std::string&,
                         const FlagRules&);
template std::int64_t parse_value(const std::string&, const std::string&,
                                  const FlagRules&);
template std::uint64_t parse_value(const std::string&, const std::string&,
                                   const FlagRules&);
template double parse_value(const std::string&, const std::string&,
                            const FlagRules&);

}  // namespace pilotfish::cli
