#include "constraint/json_schema/number_set.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "constraint/json_schema/plain_numbers.h"
#include "constraint/regex.h"

namespace pilotfish::json_schema {
namespace {

template <typename Numbers, typename Keep>
std::vector<Decimal> filtered(const Numbers& numbers, const Keep& keep) {
  std::vector<Decimal> kept;
  std::ranges::copy_if(numbers, std::back_inserter(kept), keep);
  return kept;
}

Grammar::Expr write_any_number(Grammar& grammar) {
  return regex_to_grammar(
      grammar,
      R"re(-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?0*(\d{1,2}|[12]\d\d|30[0-7]))?)re");
}

Dfa any_number() {
  Grammar grammar;
  return Dfa::of(grammar, write_any_number(grammar));
}

}  // namespace

NumberSet NumberSet::all() {
  NumberSet set;
  set.kind_ = Kind::kAll;
  return set;
}

NumberSet NumberSet::integers() {
  static const NumberSet kIntegers = regular(plain_integers(), true);
  return kIntegers;
}

NumberSet NumberSet::of(std::vector<Decimal> numbers) {
  NumberSet set;
  std::ranges::sort(numbers);
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  set.listed_ = std::move(numbers);
  return set;
}

NumberSet NumberSet::at_least(const Decimal& bound, bool exclusive) {
  return regular(plain_above(bound, !exclusive));
}

NumberSet NumberSet::at_most(const Decimal& bound, bool exclusive) {
  return regular(plain_numbers().minus(plain_above(bound, exclusive)));
}

NumberSet NumberSet::multiples_of(const Decimal& step) {
  return regular(plain_multiples(step));
}

NumberSet NumberSet::regular(const Dfa& plain, bool only_integers) {
  if (plain.is_empty()) return {};
  NumberSet set;
  set.only_integers_ = only_integers;
  set.kind_ = Kind::kRegular;
  set.regular_ = std::make_shared<const Dfa>(plain);
  return set;
}

Dfa NumberSet::plain() const {
  switch (kind_) {
    case Kind::kAll:
      return plain_numbers();
    case Kind::kRegular:
      return *regular_;
    case Kind::kListed:
      break;
  }
  return plain_forms(listed_);
}

NumberSet NumberSet::intersect(const NumberSet& other) const {
  if (is_all()) return other;
  if (other.is_all()) return *this;
  if (kind_ == Kind::kListed) {
    return of(filtered(listed_, [&](const Decimal& number) {
      return other.contains(number);
    }));
  }
  if (other.kind_ == Kind::kListed) return other.intersect(*this);
  if (regular_ == other.regular_) return only_integers_ ? *this : other;
  return regular(regular_->intersect(*other.regular_),
                 only_integers_ || other.only_integers_);
}

NumberSet NumberSet::unite(const NumberSet& other) const {
  if (is_all() || other.is_empty()) return *this;
  if (other.is_all() || is_empty()) return other;
  if (kind_ == Kind::kListed && other.kind_ == Kind::kListed) {
    std::vector<Decimal> both = listed_;
    both.insert(both.end(), other.listed_.begin(), other.listed_.end());
    return of(std::move(both));
  }
  const auto bare = [](const NumberSet& set) {
    return set.only_integers_ ||
           (set.kind_ == Kind::kListed &&
            std::ranges::all_of(set.listed_, &Decimal::is_integer));
  };
  Dfa both = plain().unite(other.plain());
  return both == plain_numbers() ? all()
                                 : regular(both, bare(*this) && bare(other));
}

NumberSet NumberSet::minus(const NumberSet& other) const {
  if (other.is_all()) return {};
  if (other.is_empty()) return *this;
  if (kind_ == Kind::kListed) {
    return of(filtered(listed_, [&](const Decimal& number) {
      return !other.contains(number);
    }));
  }
  return regular(plain().minus(other.plain()), only_integers_);
}

bool NumberSet::contains(const Decimal& number) const {
  if (is_all()) return true;
  if (kind_ == Kind::kListed)
    return std::ranges::binary_search(listed_, number);
  return regular_->contains(number.text());
}

Grammar::Expr NumberSet::write(Grammar& grammar, std::string_view name) const {
  if (is_all()) {
    if (!grammar.may_have_tables()) return write_any_number(grammar);
    static const Dfa kAny = any_number();
    return kAny.to_table(grammar, name);
  }
  if (kind_ == Kind::kListed) {
    std::vector<Grammar::Expr> texts;
    for (const Decimal& number : listed_) {
      texts.push_back(grammar.text(number.text()));
    }
    return grammar.choice(std::move(texts));
  }
  if (*this == integers()) return bare_integers().to_table(grammar, name);
  return (only_integers_ ? regular_->intersect(bare_integers()) : *regular_)
      .to_table(grammar, name);
}

bool NumberSet::operator==(const NumberSet& other) const {
  if (kind_ != other.kind_ || only_integers_ != other.only_integers_) {
    return false;
  }
  if (kind_ != Kind::kRegular) return listed_ == other.listed_;
  return regular_ == other.regular_ || *regular_ == *other.regular_;
}

}  // namespace pilotfish::json_schema
