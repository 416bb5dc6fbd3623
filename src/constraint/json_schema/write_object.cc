#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "constraint/json_schema/value.h"
#include "constraint/json_schema/writer.h"
#include "pilotfish/error.h"

namespace pilotfish::json_schema {
namespace {

using Expr = Grammar::Expr;
using Id = Formulas::Id;

constexpr std::size_t kMostObjectStates = 20000;  // of one object
constexpr std::size_t kMostUnordered = 10;  // properties: 2^10 sets of them
// Properties that are written in one rule. An automaton that knows which of n
// properties can still come has some n^2 states, so that many are divided.
constexpr std::size_t kBlock = 32;

// Properties that may be there, without those that are forbidden.
std::vector<Property> possible(const ObjectForm& form) {
  std::vector<Property> properties = form.properties;
  std::erase_if(properties, [](const Property& each) {
    return each.value == Formulas::kNever;
  });
  return properties;
}

std::vector<Keys> other_keys(const ObjectForm& form) {
  if (form.others.empty()) return {};
  std::vector<std::string> names;
  for (const Property& each : form.properties) names.push_back(each.name);
  const StringSet named = StringSet::of(std::move(names));
  std::vector<Keys> others;
  for (const Keys& each : form.others) {
    StringSet keys =
        named.finite()->empty() ? each.keys : each.keys.minus(named);
    if (!keys.is_empty()) others.push_back({std::move(keys), each.value});
  }
  return others;
}

Expr write_property(Writer& writer, const Property& property, Id value) {
  return writer.member(writer.grammar().text(json_string(property.name)), value,
                       property.name);
}

Expr write_others(Writer& writer, const Keys& keys) {
  return writer.member(writer.strings(keys.keys, "key"), keys.value, "value");
}

// An object whose properties come in order and are not counted.
class PlainObject {
 public:
  PlainObject(Writer& writer, const ObjectForm& form)
      : writer_(writer),
        grammar_(writer.grammar()),
        properties_(possible(form)) {
    for (const Property& each : properties_) {
      members_.push_back(write_property(writer, each, each.value));
    }
    std::vector<Expr> others;
    for (const Keys& each : other_keys(form)) {
      others.push_back(write_others(writer, each));
    }
    other_ = grammar_.choice(std::move(others));
  }

  Expr run() {
    const Expr more_others =
        grammar_.repeat(behind_comma(other_), 0, kUnlimited);
    const auto required =
        std::ranges::find(properties_, true, &Property::is_required);
    if (required == properties_.end()) {
      const Expr inside = grammar_.choice(
          {grammar_.sequence({some_of(0, members_.size()), more_others}),
           grammar_.sequence({other_, more_others})});
      return writer_.in_brackets('{', inside, '}', true);
    }
    // Commas stand behind what comes before the first required one, and in
    // front of what comes after it.
    const auto first = static_cast<std::size_t>(required - properties_.begin());
    std::vector<Expr> parts = {before(0, first), members_[first]};
    parts.push_back(behind(first + 1, members_.size()));
    parts.push_back(more_others);
    return writer_.in_brackets('{', grammar_.sequence(std::move(parts)), '}',
                               false);
  }

 private:
  Expr behind_comma(Expr member) {
    return grammar_.sequence({writer_.comma(), member});
  }

  // Calls `write(from, to)` for the members `first` to `last` - 1: at once
  // where they are few, else block by block, each of them a rule.
  template <typename Write>
  Expr in_blocks(std::size_t first, std::size_t last, const Write& write) {
    if (last - first <= kBlock) return write(first, last);
    std::vector<Expr> parts;
    while (first < last) {
      const std::size_t end = std::min(first - first % kBlock + kBlock, last);
      parts.push_back(writer_.define("members", write(first, end)));
      first = end;
    }
    return grammar_.sequence(std::move(parts));
  }

  // Members `first` to `last` - 1 in front of others.
  Expr before(std::size_t first, std::size_t last) {
    return in_blocks(first, last, [&](std::size_t from, std::size_t to) {
      std::vector<Expr> parts;
      for (std::size_t i = from; i < to; ++i) {
        parts.push_back(grammar_.optional(
            grammar_.sequence({members_[i], writer_.comma()})));
      }
      return grammar_.sequence(std::move(parts));
    });
  }

  // Members `first` to `last` - 1 behind others.
  Expr behind(std::size_t first, std::size_t last) {
    const auto [known, is_new] = behind_.try_emplace({first, last}, 0);
    if (!is_new) return known->second;
    return known->second =
               in_blocks(first, last, [&](std::size_t from, std::size_t to) {
                 std::vector<Expr> parts;
                 for (std::size_t i = from; i < to; ++i) {
                   const Expr member = behind_comma(members_[i]);
                   parts.push_back(properties_[i].is_required
                                       ? member
                                       : grammar_.optional(member));
                 }
                 return grammar_.sequence(std::move(parts));
               });
  }

  // At least one of the members `first` to `last` - 1, none of them required.
  // Halves, so that n members take about n log n parts.
  Expr some_of(std::size_t first, std::size_t last) {
    if (first == last) return grammar_.nothing();
    if (last - first == 1) return members_[first];
    std::size_t middle = first + (last - first) / 2;
    if (last - first > kBlock) middle -= middle % kBlock;
    if (middle <= first) middle = first + (last - first) / 2;
    const Expr some = grammar_.choice(
        {grammar_.sequence({some_of(first, middle), behind(middle, last)}),
         some_of(middle, last)});
    const bool is_block = last - first <= kBlock && last - first > kBlock / 2;
    return is_block && members_.size() > kBlock
               ? writer_.define("members", some)
               : some;
  }

  Writer& writer_;
  Grammar& grammar_;
  std::vector<Property> properties_;
  std::vector<Expr> members_;  // [properties_]
  Expr other_ = 0;             // a member that is none of them
  std::map<std::pair<std::size_t, std::size_t>, Expr> behind_;  // as written
};

// What counts of the keys written so far.
struct ObjectState {
  std::size_t next = 0;            // the property that can come next, in order
  std::vector<char> written = {};  // [property], where order is free
  std::int64_t count = 0;          // up to where more makes no difference
  std::vector<char> met = {};      // [some], whether there was such a key

  auto operator<=>(const ObjectState&) const = default;
};

// Writes an object as a rule for each of its states, called at the end alone.
class ObjectMachine {
 public:
  ObjectMachine(Writer& writer, const ObjectForm& form)
      : writer_(writer),
        grammar_(writer.grammar()),
        formulas_(writer.normaliser().formulas()),
        form_(form),
        keep_order_(writer.options().keep_order),
        properties_(possible(form)) {
    last_count_ = std::max<std::int64_t>(
        {1, form.min, form.max == kUnlimited ? 0 : form.max});
    find_others();
    if (!others_.empty() && form.min > 1) {
      throw UsageError(
          "minProperties above 1 cannot be enforced where keys are not "
          "listed; one of them could be written twice");
    }
    if (!keep_order_ && properties_.size() > kMostUnordered) {
      throw UsageError(
          fmt::format("{} properties cannot come in any order; at most {} can",
                      properties_.size(), kMostUnordered));
    }
  }

  Expr run() {
    ObjectState start;
    start.met.resize(form_.some.size());
    if (!keep_order_) start.written.resize(properties_.size());
    const Expr inside = members_from(start);
    while (!open_.empty()) {
      const ObjectState state = std::move(open_.back());
      open_.pop_back();
      grammar_.define(rules_.at(state), rest_from(state));
    }
    return writer_.in_brackets('{', inside, '}', may_end(start));
  }

 private:
  // Keys with the same value that are of the same use.
  struct Others {
    Expr member;
    std::vector<char> meets;  // [some]
  };

  void find_others() {
    std::vector<std::pair<Keys, std::vector<char>>> kinds;
    for (Keys& each : other_keys(form_)) {
      kinds.emplace_back(std::move(each), std::vector<char>());
    }
    for (const Keys& some : form_.some) {
      decltype(kinds) next;
      for (const auto& each : kinds) {
        const Keys& kind = each.first;
        const auto add = [&](StringSet keys, bool is_among) {
          if (keys.is_empty()) return;
          next.push_back({{std::move(keys), kind.value}, each.second});
          next.back().second.push_back(is_among &&
                                       meets_value(kind.value, some));
        };
        add(kind.keys.intersect(some.keys), true);
        add(kind.keys.minus(some.keys), false);
      }
      kinds = std::move(next);
    }
    for (const auto& [kind, meets] : kinds) {
      others_.push_back({write_others(writer_, kind), meets});
    }
  }

  // Whether all such values are what `some` wants, or none is. Of a key that is
  // written twice the last value counts, and that cannot be seen to.
  bool meets_value(Id value, const Keys& some) {
    Normaliser& normaliser = writer_.normaliser();
    if (formulas_.all({value, some.value}) == value) return true;
    const Id negated = formulas_.negated(some.value);
    if (normaliser.is_surely_empty(formulas_.all({value, negated}), 3)) {
      return true;
    }
    if (normaliser.is_surely_empty(formulas_.all({value, some.value}), 3)) {
      return false;
    }
    throw UsageError(
        "cannot be enforced; what the value of some key that is not listed has "
        "to be depends on others");
  }

  bool is_done(const ObjectState& state, std::size_t property) const {
    return keep_order_ ? property < state.next : state.written[property] != 0;
  }

  bool may_end(const ObjectState& state) const {
    for (std::size_t i = 0; i < properties_.size(); ++i) {
      if (properties_[i].is_required && !is_done(state, i)) return false;
    }
    return state.count >= form_.min &&
           std::ranges::find(state.met, 0) == state.met.end();
  }

  Expr call(const ObjectState& state) {
    const auto [place, is_new] = rules_.try_emplace(state, 0);
    if (is_new) {
      if (rules_.size() > kMostObjectStates) {
        throw UsageError(fmt::format(
            "cannot be enforced; its objects take more than {} states",
            kMostObjectStates));
      }
      place->second = grammar_.declare("members");
      open_.push_back(state);
    }
    return grammar_.call(place->second);
  }

  Expr rest_from(const ObjectState& state) {
    std::vector<Expr> choices;
    if (may_end(state)) choices.push_back(grammar_.empty());
    choices.push_back(
        grammar_.sequence({writer_.comma(), members_from(state)}));
    return grammar_.choice(std::move(choices));
  }

  // The next member and those behind it.
  Expr members_from(const ObjectState& state) {
    if (form_.max != kUnlimited && state.count == form_.max) {
      return grammar_.nothing();
    }
    std::vector<Expr> choices;
    bool all_required_done = true;
    for (std::size_t i = 0; i < properties_.size(); ++i) {
      if (is_done(state, i)) continue;
      ObjectState next = state;
      next.count = std::min(state.count + 1, last_count_);
      if (keep_order_) {
        next.next = i + 1;
      } else {
        next.written[i] = 1;
      }
      add_property(next, properties_[i], 0, properties_[i].value, choices);
      all_required_done = all_required_done && !properties_[i].is_required;
      if (keep_order_ && properties_[i].is_required) break;
    }
    if (all_required_done || !keep_order_) add_others(state, choices);
    return grammar_.choice(std::move(choices));
  }

  // For each `some` from `place` on, the value may be what that wants.
  void add_property(const ObjectState& state, const Property& property,
                    std::size_t place, Id value, std::vector<Expr>& choices) {
    if (value == Formulas::kNever) return;
    if (place == form_.some.size()) {
      choices.push_back(grammar_.sequence(
          {write_property(writer_, property, value), call(state)}));
      return;
    }
    const Keys& some = form_.some[place];
    if (state.met[place] == 0 && some.keys.contains(property.name)) {
      ObjectState with = state;
      with.met[place] = 1;
      const Id both = formulas_.all({value, some.value});
      add_property(with, property, place + 1, both, choices);
      if (both == value) return;
    }
    add_property(state, property, place + 1, value, choices);
  }

  void add_others(const ObjectState& state, std::vector<Expr>& choices) {
    for (const auto& [member, meets] : others_) {
      ObjectState next = state;
      if (keep_order_) next.next = properties_.size();
      next.count = std::min(state.count + 1, last_count_);
      for (std::size_t i = 0; i < meets.size(); ++i) {
        if (meets[i] != 0) next.met[i] = 1;
      }
      choices.push_back(grammar_.sequence({member, call(next)}));
    }
  }

  Writer& writer_;
  Grammar& grammar_;
  Formulas& formulas_;
  const ObjectForm& form_;
  const bool keep_order_;
  std::vector<Property> properties_;
  std::vector<Others> others_;
  std::int64_t last_count_;
  std::map<ObjectState, Grammar::Rule> rules_;
  std::vector<ObjectState> open_;  // whose rules are not defined yet
};

}  // namespace

Grammar::Expr write_object(Writer& writer, const ObjectForm& form) {
  const bool is_plain =
      form.some.empty() && form.min == 0 && form.max == Grammar::kUnlimited;
  if (is_plain && writer.options().keep_order) {
    return PlainObject(writer, form).run();
  }
  return ObjectMachine(writer, form).run();
}

}  // namespace pilotfish::json_schema
