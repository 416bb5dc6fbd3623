#include "constraint/json_schema/decimal.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>

#include "pilotfish/error.h"

namespace pilotfish::json_schema {
namespace {

constexpr std::int64_t kMostDigits = 400;

[[noreturn]] void refuse(std::string_view number) {
  throw UsageError(fmt::format(
      "the number {} takes more than {} digits to write",
      number.size() > 40 ? std::string(number.substr(0, 40)) + "..."
                         : std::string(number),
      kMostDigits));
}

}  // namespace

Decimal Decimal::parse(std::string_view number) {
  Decimal parsed;
  std::string_view rest = number;
  if (rest.starts_with('-')) {
    parsed.negative_ = true;
    rest.remove_prefix(1);
  }
  if (const std::size_t e = rest.find_first_of("eE"); e != rest.npos) {
    std::string_view power = rest.substr(e + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    const auto [end, error] = std::from_chars(
        power.data(), power.data() + power.size(), parsed.exponent_);
    rest = rest.substr(0, e);
    const bool is_zero = rest.find_first_of("123456789") == rest.npos;
    if (is_zero) parsed.exponent_ = 0;
    if (!is_zero && (error != std::errc() ||
                     std::abs(parsed.exponent_) > 10 * kMostDigits)) {
      refuse(number);
    }
  }
  const std::size_t point = rest.find('.');
  parsed.digits_ = rest.substr(0, point);
  if (point != rest.npos) {
    const std::string_view fraction = rest.substr(point + 1);
    parsed.digits_ += fraction;
    parsed.exponent_ -= std::ssize(fraction);
  }
  while (parsed.digits_.ends_with('0')) {
    parsed.digits_.pop_back();
    ++parsed.exponent_;
  }
  parsed.digits_.erase(0, std::min(parsed.digits_.find_first_not_of('0'),
                                   parsed.digits_.size()));
  if (parsed.digits_.empty()) return Decimal();
  if (std::ssize(parsed.digits_) + std::max<std::int64_t>(parsed.exponent_, 0) >
          kMostDigits ||
      -parsed.exponent_ > kMostDigits) {
    refuse(number);
  }
  return parsed;
}

std::string Decimal::integer_part() const {
  const std::int64_t places = std::ssize(digits_) + exponent_;
  if (places <= 0) return "0";
  std::string part =
      digits_.substr(0, static_cast<std::size_t>(
                            std::min<std::int64_t>(places, std::ssize(digits_))));
  part.append(static_cast<std::size_t>(places) - part.size(), '0');
  return part;
}

std::string Decimal::fraction() const {
  if (exponent_ >= 0) return {};
  const std::int64_t places = std::ssize(digits_) + exponent_;
  if (places >= 0) return digits_.substr(static_cast<std::size_t>(places));
  return std::string(static_cast<std::size_t>(-places), '0') + digits_;
}

std::string Decimal::text() const {
  const std::string behind = fraction();
  return fmt::format("{}{}{}{}", negative_ ? "-" : "", integer_part(),
                     behind.empty() ? "" : ".", behind);
}

std::strong_ordering Decimal::operator<=>(const Decimal& other) const {
  if (negative_ != other.negative_) {
    return negative_ ? std::strong_ordering::less
                     : std::strong_ordering::greater;
  }
  const auto magnitude = [&] {
    const std::string mine = integer_part();
    const std::string its = other.integer_part();
    if (mine.size() != its.size()) return mine.size() <=> its.size();
    if (mine != its) return mine <=> its;
    return fraction() <=> other.fraction();  // the one that ends is smaller
  }();
  return negative_ ? 0 <=> magnitude : magnitude;
}

}  // namespace pilotfish::json_schema
