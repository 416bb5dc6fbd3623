#include <fmt/format.h>

#include <cmath>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "pilotfish/error.h"
#include "pilotfish/sampling.h"

namespace pilotfish {
namespace {

void require(bool holds, std::string_view name, auto value,
             std::string_view allowed) {
  if (holds) return;
  throw UsageError(fmt::format("{}: {} is out of range; allowed is {}", name,
                               value, allowed));
}

// What each type of value has to be like.

template <typename Number>
void check(const SamplingField& field, Number value) {
  const SamplingRange& range = field.range;
  const auto number = static_cast<double>(value);
  const bool high_enough =
      range.least_itself ? number >= range.least : number > range.least;
  require(high_enough && number <= range.most && std::isfinite(number),
          field.name, value, range.allowed);
}

void check(const SamplingField& field, const std::vector<Token>& tokens) {
  for (const Token token : tokens) {
    require(token >= 0, field.name, token, "a token id of 0 or more");
  }
}

void check(const SamplingField& field,
           const std::vector<std::vector<Token>>& words) {
  for (const std::vector<Token>& word : words) {
    if (word.empty()) {
      throw UsageError(fmt::format(
          "{}: one is empty; it needs at least one token", field.name));
    }
    check(field, word);
  }
}

void check(const SamplingField& field, const std::map<Token, float>& biases) {
  for (const auto& [token, bias] : biases) {
    require(token >= 0, field.name, token, "a token id of 0 or more");
    require(!std::isnan(bias) && bias < HUGE_VALF, field.name, bias,
            "a finite number, or -inf to ban the token");
  }
}

}  // namespace

void validate(const SamplingParams& params) {
  for (const SamplingField& field : kSamplingFields) {
    std::visit([&](auto member) { check(field, params.*member); },
               field.member);
  }
}

std::string sampling_text(const SamplingParams& params) {
  std::string text =
      fmt::format("temperature {}, seed {}", params.temperature, params.seed);
  const SamplingParams usual;
  const auto add = [&](const SamplingField& field, const auto& value) {
    using Value = std::decay_t<decltype(value)>;
    if constexpr (std::is_arithmetic_v<Value>) {
      text += fmt::format(", {} {}", field.flag(), value);
    } else {
      text += fmt::format(", {}: {} given", field.flag(), value.size());
    }
  };
  for (const SamplingField& field : kSamplingFields) {
    if (field.name == "temperature" || field.name == "seed") continue;
    std::visit(
        [&](auto member) {
          if (params.*member != usual.*member) add(field, params.*member);
        },
        field.member);
  }
  return text;
}

}  // namespace pilotfish
