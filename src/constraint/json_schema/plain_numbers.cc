#include "constraint/json_schema/plain_numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "constraint/grammar.h"
#include "constraint/json_schema/explore.h"
#include "constraint/regex.h"
#include "pilotfish/error.h"

namespace pilotfish::json_schema {
namespace {

// How the digits read so far compare with those of a bound.
enum class Order : std::int8_t { kLess, kEqual, kGreater };

Order compare(char digit, char bound) {
  return digit < bound   ? Order::kLess
         : digit > bound ? Order::kGreater
                         : Order::kEqual;
}

// Compares magnitudes with a bound's, digit by digit. Both have as many zeros
// behind the fraction as you like.
class Comparison {
 public:
  Comparison(const Decimal& bound, bool or_equal)
      : whole_(bound.integer_part()),
        fraction_(bound.fraction()),
        or_equal_(or_equal) {}

  // The magnitudes above the bound.
  Dfa run() const {
    return explore(
        State(), [this](const State& state) { return edges(state); },
        [this](const State& state) { return accepts(state); });
  }

 private:
  enum class Part : std::uint8_t { kStart, kZero, kWhole, kPoint, kFraction };
  struct State {
    Part part = Part::kStart;
    // Of the part; beyond the bound's digits they are not counted.
    std::size_t digits = 0;
    Order order = Order::kEqual;

    auto operator<=>(const State&) const = default;
  };
  using Edge = EdgeTo<State>;

  std::vector<Edge> edges(const State& state) const {
    std::vector<Edge> edges;
    if (state.part == Part::kZero || state.part == Part::kWhole) {
      edges.push_back({'.', '.', {Part::kPoint, 0, order_of_whole(state)}});
    }
    if (state.part == Part::kZero) return edges;
    for (char digit = '0'; digit <= '9'; ++digit) {
      edges.push_back({digit, digit, after(state, digit)});
    }
    return edges;
  }

  State after(const State& state, char digit) const {
    const std::size_t at = state.digits;
    if (state.part == Part::kPoint || state.part == Part::kFraction) {
      const Order order =
          state.order != Order::kEqual
              ? state.order
              : compare(digit, at < fraction_.size() ? fraction_[at] : '0');
      const bool matters = order == Order::kEqual && at < fraction_.size();
      return {Part::kFraction, matters ? at + 1 : fraction_.size(), order};
    }
    const Part part =
        state.part == Part::kStart && digit == '0' ? Part::kZero : Part::kWhole;
    if (at == whole_.size()) return {part, at + 1, Order::kGreater};
    if (at > whole_.size()) return state;
    return {part, at + 1,
            state.order != Order::kEqual ? state.order
                                         : compare(digit, whole_[at])};
  }

  // Fewer digits than the bound's are less.
  Order order_of_whole(const State& state) const {
    return state.digits < whole_.size() ? Order::kLess : state.order;
  }

  bool accepts(const State& state) const {
    switch (state.part) {
      case Part::kStart:
      case Part::kPoint:
        return false;
      case Part::kZero:
      case Part::kWhole:
        return is_above(order_of_whole(state), 0);
      case Part::kFraction:
        return is_above(state.order, state.digits);
    }
    return false;
  }

  // What is missing of a fraction are zeros, and the bound's last is none.
  bool is_above(Order order, std::size_t fraction_digits) const {
    if (order != Order::kEqual) return order == Order::kGreater;
    return or_equal_ && fraction_digits == fraction_.size();
  }

  std::string whole_;
  std::string fraction_;
  bool or_equal_;
};

Dfa magnitudes_above(const Decimal& bound, bool or_equal) {
  return Comparison(bound, or_equal).run();
}

// Magnitudes: plain numbers without a sign.
const Dfa& magnitudes() {
  static const Dfa kAll = magnitudes_above(Decimal(), true);
  return kAll;
}

Dfa forms(std::string_view pattern) {
  Grammar grammar;
  return Dfa::of(grammar, regex_to_grammar(grammar, pattern));
}

const Dfa& zero() {
  static const Dfa kZero = forms("0([.]0+)?");
  return kZero;
}

// The magnitudes behind a minus sign; none is zero.
Dfa negative(const Dfa& magnitudes) {
  Grammar grammar;
  const Grammar::Expr digits = magnitudes.minus(zero()).to_grammar(grammar, "");
  return Dfa::of(grammar, grammar.sequence({grammar.text("-"), digits}));
}

// Magnitudes that are multiples of `step` * 10^-`places`: keeps the digits read
// so far modulo `step`.
class Multiples {
 public:
  Multiples(std::int64_t step, std::int64_t places)
      : step_(step), places_(places) {}

  Dfa run() const {
    return explore(
        State(), [this](const State& state) { return edges(state); },
        [this](const State& state) { return accepts(state); });
  }

 private:
  enum class Part : std::uint8_t { kStart, kZero, kWhole, kPoint, kFraction };
  struct State {
    Part part = Part::kStart;
    std::int64_t digits = 0;  // of the fraction, as far as they matter
    std::int64_t rest = 0;    // of all digits, modulo the step

    auto operator<=>(const State&) const = default;
  };
  using Edge = EdgeTo<State>;

  std::vector<Edge> edges(const State& state) const {
    const bool in_fraction =
        state.part == Part::kPoint || state.part == Part::kFraction;
    if (in_fraction && state.digits == places_) {
      // Nothing but zeros can follow.
      if (state.rest != 0) return {};
      return {{'0', '0', {Part::kFraction, places_, 0}}};
    }
    std::vector<Edge> edges;
    if (state.part == Part::kZero || state.part == Part::kWhole) {
      edges.push_back({'.', '.', {Part::kPoint, 0, state.rest}});
    }
    if (state.part == Part::kZero) return edges;
    for (char digit = '0'; digit <= '9'; ++digit) {
      const std::int64_t rest = (state.rest * 10 + (digit - '0')) % step_;
      const bool is_zero = state.part == Part::kStart && digit == '0';
      edges.push_back(
          {digit, digit,
           in_fraction ? State{Part::kFraction, state.digits + 1, rest}
                       : State{is_zero ? Part::kZero : Part::kWhole, 0, rest}});
    }
    return edges;
  }

  // The digits that are missing are zeros.
  bool accepts(const State& state) const {
    if (state.part == Part::kStart || state.part == Part::kPoint) return false;
    std::int64_t rest = state.rest;
    for (std::int64_t i = state.digits; i < places_; ++i) {
      rest = rest * 10 % step_;
    }
    return rest == 0;
  }

  std::int64_t step_;
  std::int64_t places_;
};

}  // namespace

const Dfa& plain_numbers() {
  static const Dfa kAll = magnitudes().unite(negative(magnitudes()));
  return kAll;
}

const Dfa& plain_integers() {
  static const Dfa kIntegers =
      plain_numbers().intersect(forms("-?[0-9]+([.]0+)?"));
  return kIntegers;
}

const Dfa& bare_integers() {
  static const Dfa kBare = plain_numbers().intersect(forms("-?[0-9]+"));
  return kBare;
}

Dfa plain_forms(std::span<const Decimal> numbers) {
  Grammar grammar;
  const Grammar::Expr zero = grammar.text("0");
  const Grammar::Expr zeros = grammar.repeat(zero, 0, Grammar::kUnlimited);
  const Grammar::Expr no_fraction =
      grammar.optional(grammar.sequence({grammar.text("."), zero, zeros}));
  std::vector<Grammar::Expr> forms;
  for (const Decimal& number : numbers) {
    forms.push_back(
        grammar.sequence({grammar.text(number.text()),
                          number.is_integer() ? no_fraction : zeros}));
  }
  return Dfa::of(grammar, grammar.choice(std::move(forms)));
}

Dfa plain_above(const Decimal& bound, bool or_equal) {
  if (!bound.is_negative()) return magnitudes_above(bound, or_equal);
  const Dfa below = magnitudes().minus(magnitudes_above(bound, !or_equal));
  return magnitudes().unite(negative(below));
}

Dfa plain_multiples(const Decimal& step) {
  const std::int64_t places = std::max<std::int64_t>(-step.exponent(), 0);
  std::string digits = step.digits();
  if (step.exponent() > 0) {
    digits.append(static_cast<std::size_t>(step.exponent()), '0');
  }
  std::int64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || value > Dfa::kMostStates / (places + 1)) {
    throw UsageError(
        fmt::format("cannot be enforced; multiples of {} take too many states",
                    step.text()));
  }
  const Dfa multiples = Multiples(value, places).run();
  return multiples.unite(negative(multiples));
}

}  // namespace pilotfish::json_schema
