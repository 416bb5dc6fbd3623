#include <fmt/format.h>

#include <type_traits>
#include <utility>

#include "formats/gguf.h"
#include "formats/in_quotes.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

std::string_view type_text(const GgufValue& value) {
  constexpr std::string_view kNames[] = {
      "a bool",
      "an integer",
      "an integer",
      "a number",
      "a string",
      "an array of bools",
      "an array of integers",
      "an array of numbers",
      "an array of strings",
  };
  static_assert(std::size(kNames) == std::variant_size_v<GgufValue>);
  return kNames[value.index()];
}

[[noreturn]] void fail(const GgufMetadata& metadata, std::string_view key,
                       const std::string& found, std::string_view expected) {
  throw Error(fmt::format("{}: key {}: found {}, expected {}", metadata.file(),
                          in_quotes(key), found, expected));
}

const GgufValue* look_up(const GgufMetadata& metadata, std::string_view key) {
  const auto found = metadata.values().find(key);
  return found == metadata.values().end() ? nullptr : &found->second;
}

// The value of `key` where it is stored as T.
template <typename T>
const T* look_up_as(const GgufMetadata& metadata, std::string_view key,
                    std::string_view expected) {
  const GgufValue* value = look_up(metadata, key);
  if (!value) return nullptr;
  const T* typed = std::get_if<T>(value);
  if (!typed) fail(metadata, key, std::string(type_text(*value)), expected);
  return typed;
}

}  // namespace

std::optional<std::int64_t> GgufMetadata::integer(std::string_view key) const {
  const GgufValue* value = look_up(*this, key);
  if (!value) return std::nullopt;
  if (const auto* natural = std::get_if<std::uint64_t>(value)) {
    if (!std::in_range<std::int64_t>(*natural)) {
      fail(*this, key, std::to_string(*natural), "an integer of 63 bits");
    }
    return static_cast<std::int64_t>(*natural);
  }
  return *look_up_as<std::int64_t>(*this, key, "an integer");
}

std::optional<double> GgufMetadata::number(std::string_view key) const {
  const GgufValue* value = look_up(*this, key);
  if (!value) return std::nullopt;
  if (const auto* natural = std::get_if<std::uint64_t>(value)) {
    return static_cast<double>(*natural);
  }
  if (const auto* whole = std::get_if<std::int64_t>(value)) {
    return static_cast<double>(*whole);
  }
  return *look_up_as<double>(*this, key, "a number");
}

std::optional<bool> GgufMetadata::boolean(std::string_view key) const {
  const bool* value = look_up_as<bool>(*this, key, "a bool");
  return value ? std::optional(*value) : std::nullopt;
}

const std::string* GgufMetadata::string(std::string_view key) const {
  return look_up_as<std::string>(*this, key, "a string");
}

const std::vector<std::string>* GgufMetadata::strings(
    std::string_view key) const {
  return look_up_as<std::vector<std::string>>(*this, key,
                                              "an array of strings");
}

const std::vector<double>* GgufMetadata::numbers(std::string_view key) const {
  return look_up_as<std::vector<double>>(*this, key, "an array of numbers");
}

const std::vector<std::int64_t>* GgufMetadata::integers(
    std::string_view key) const {
  return look_up_as<std::vector<std::int64_t>>(*this, key,
                                               "an array of integers");
}

std::vector<std::int64_t> GgufMetadata::integer_or_integers(
    std::string_view key) const {
  const GgufValue* value = look_up(*this, key);
  if (value == nullptr) return {};
  if (std::holds_alternative<std::vector<std::int64_t>>(*value)) {
    return *integers(key);
  }
  return {*integer(key)};
}

}  // namespace pilotfish
