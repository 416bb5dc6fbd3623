#include "constraint/json_schema/plain_numbers.h"

#include <fmt/format.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "constraint/grammar.h"
#include "pilotfish/error.h"

namespace pilotfish::json_schema {
namespace {

using Expr = Grammar::Expr;
constexpr std::int64_t kUnlimited = Grammar::kUnlimited;

// The parts that forms of numbers are made of.
class Parts {
 public:
  explicit Parts(Grammar& grammar) : grammar_(grammar) {}

  Expr digits(char first, char last) {
    ByteSet set;
    for (char digit = first; digit <= last; ++digit) {
      set.set(static_cast<unsigned char>(digit));
    }
    return grammar_.bytes(set);
  }
  Expr any_digits(std::int64_t min, std::int64_t max = kUnlimited) {
    return grammar_.repeat(digits('0', '9'), min, max);
  }
  Expr zeros(std::int64_t min) {
    return grammar_.repeat(grammar_.text("0"), min, kUnlimited);
  }
  Expr point() { return grammar_.text("."); }
  Expr sequence(std::vector<Expr> parts) {
    return grammar_.sequence(std::move(parts));
  }
  Expr fraction() { return sequence({point(), any_digits(1)}); }
  Expr zero_fraction() { return sequence({point(), zeros(1)}); }
  // Digits behind those of a fraction that are not all zero.
  Expr not_only_zeros() {
    return sequence({zeros(0), digits('1', '9'), any_digits(0)});
  }
  Expr optional(Expr part) { return grammar_.optional(part); }

  // Magnitudes greater than `bound`'s, or also equal to it.
  Expr above(const Decimal& bound, bool or_equal) {
    const std::string whole = bound.integer_part();
    const auto size = std::ssize(whole);
    std::vector<Expr> choices = {sequence(
        {digits('1', '9'), any_digits(size), optional(fraction())})};
    for (std::int64_t i = 0; i < size; ++i) {
      const char digit = whole[static_cast<std::size_t>(i)];
      if (digit == '9') continue;
      choices.push_back(sequence(
          {grammar_.text(whole.substr(0, static_cast<std::size_t>(i))),
           digits(static_cast<char>(digit + 1), '9'),
           any_digits(size - i - 1, size - i - 1), optional(fraction())}));
    }
    choices.push_back(sequence(
        {grammar_.text(whole), fraction_above(bound.fraction(), or_equal)}));
    return grammar_.choice(std::move(choices));
  }

 private:
  Expr fraction_above(const std::string& bound, bool or_equal) {
    const auto size = std::ssize(bound);
    if (size == 0) {
      return or_equal ? optional(fraction())
                      : sequence({point(), not_only_zeros()});
    }
    std::vector<Expr> choices;
    for (std::int64_t i = 0; i < size; ++i) {
      const char digit = bound[static_cast<std::size_t>(i)];
      if (digit == '9') continue;
      choices.push_back(sequence(
          {point(), grammar_.text(bound.substr(0, static_cast<std::size_t>(i))),
           digits(static_cast<char>(digit + 1), '9'), any_digits(0)}));
    }
    choices.push_back(
        sequence({point(), grammar_.text(bound),
                  or_equal ? any_digits(0) : not_only_zeros()}));
    return grammar_.choice(std::move(choices));
  }

  Grammar& grammar_;
};

template <typename Make>
Dfa made(const Make& make) {
  Grammar grammar;
  Parts parts(grammar);
  return Dfa::of(grammar, make(grammar, parts));
}

// Magnitudes: plain numbers without a sign.
const Dfa& magnitudes() {
  static const Dfa kAll = made([](Grammar&, Parts& parts) {
    return parts.above(Decimal(), true);
  });
  return kAll;
}

const Dfa& zero() {
  static const Dfa kZero = plain_forms(Decimal());
  return kZero;
}

// The magnitudes behind a minus sign; none is zero.
Dfa negative(const Dfa& magnitudes) {
  Grammar grammar;
  return Dfa::of(grammar, grammar.sequence(
                              {grammar.text("-"), magnitudes.minus(zero())
                                                      .to_grammar(grammar, "")}));
}

Dfa magnitudes_above(const Decimal& bound, bool or_equal) {
  return made([&](Grammar&, Parts& parts) {
    return parts.above(bound, or_equal);
  });
}

// Magnitudes that are multiples of `step` * 10^-`places`: an automaton that
// keeps the digits read so far modulo `step`.
class Multiples {
 public:
  Multiples(std::int64_t step, std::int64_t places)
      : step_(step), places_(places), parts_(grammar_) {}

  Dfa run() {
    std::vector<Expr> first = {grammar_.sequence(
        {grammar_.text("0"), grammar_.call(rule({-1, 0}))})};
    for (std::int64_t digit = 1; digit <= 9; ++digit) {
      const auto rest = digit % step_;
      first.push_back(grammar_.sequence(
          {text(digit), grammar_.call(rule({0, rest}))}));
    }
    while (!open_.empty()) {
      const Place place = open_.back();
      open_.pop_back();
      grammar_.define(rules_.at(place), body(place));
    }
    return Dfa::of(grammar_, grammar_.choice(std::move(first)));
  }

 private:
  // `digits` of the fraction were read, all of them so far are `rest` modulo
  // the step. Zero digits: in the integer part; -1: that was a lone zero.
  struct Place {
    std::int64_t digits;
    std::int64_t rest;

    auto operator<=>(const Place&) const = default;
  };

  Expr text(std::int64_t digit) { return grammar_.text(std::to_string(digit)); }

  Grammar::Rule rule(const Place& place) {
    const auto [at, is_new] = rules_.try_emplace(place, 0);
    if (is_new) {
      at->second = grammar_.declare("multiples");
      open_.push_back(place);
    }
    return at->second;
  }

  Expr body(const Place& place) {
    std::vector<Expr> choices;
    if (is_multiple(place)) choices.push_back(grammar_.empty());
    if (place.digits == 0) add_digits(place, 0, choices);
    if (place.digits > 0 && place.digits < places_) {
      add_digits(place, place.digits + 1, choices);
    }
    if (place.digits <= 0) {
      if (places_ > 0) {
        std::vector<Expr> behind;
        add_digits({.digits = 0, .rest = place.rest}, 1, behind);
        choices.push_back(grammar_.sequence(
            {grammar_.text("."), grammar_.choice(std::move(behind))}));
      } else if (place.rest == 0) {
        choices.push_back(parts_.zero_fraction());
      }
    } else if (place.digits == places_ && place.rest == 0) {
      choices.push_back(parts_.zeros(1));
    }
    return grammar_.choice(std::move(choices));
  }

  void add_digits(const Place& from, std::int64_t digits,
                  std::vector<Expr>& choices) {
    for (std::int64_t digit = 0; digit <= 9; ++digit) {
      const std::int64_t rest = (from.rest * 10 + digit) % step_;
      choices.push_back(grammar_.sequence(
          {text(digit), grammar_.call(rule({digits, rest}))}));
    }
  }

  // The digits that are missing are zeros.
  bool is_multiple(const Place& place) const {
    std::int64_t rest = place.rest;
    const std::int64_t missing = places_ - std::max<std::int64_t>(place.digits, 0);
    for (std::int64_t i = 0; i < missing; ++i) rest = rest * 10 % step_;
    return rest == 0;
  }

  std::int64_t step_;
  std::int64_t places_;
  Grammar grammar_;
  Parts parts_;
  std::map<Place, Grammar::Rule> rules_;
  std::vector<Place> open_;
};

}  // namespace

const Dfa& plain_numbers() {
  static const Dfa kAll = magnitudes().unite(negative(magnitudes()));
  return kAll;
}

const Dfa& plain_integers() {
  static const Dfa kIntegers = [] {
    const Dfa fractions = made([](Grammar& grammar, Parts& parts) {
      return grammar.sequence({grammar.optional(grammar.text("-")),
                               parts.any_digits(1),
                               parts.optional(parts.zero_fraction())});
    });
    return plain_numbers().intersect(fractions);
  }();
  return kIntegers;
}

const Dfa& bare_integers() {
  static const Dfa kBare =
      plain_numbers().intersect(made([](Grammar& grammar, Parts& parts) {
        return grammar.sequence(
            {grammar.optional(grammar.text("-")), parts.any_digits(1)});
      }));
  return kBare;
}

Dfa plain_forms(const Decimal& number) {
  return made([&](Grammar& grammar, Parts& parts) {
    return grammar.sequence(
        {grammar.text(number.text()), number.fraction().empty()
                                          ? parts.optional(parts.zero_fraction())
                                          : parts.zeros(0)});
  });
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
  if (error != std::errc() ||
      value > Dfa::kMostStates / (places + 1)) {
    throw UsageError(fmt::format(
        "cannot be enforced; multiples of {} take too many states",
        step.text()));
  }
  const Dfa multiples = Multiples(value, places).run();
  return multiples.unite(negative(multiples));
}

}  // namespace pilotfish::json_schema
