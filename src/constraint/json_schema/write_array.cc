#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
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
constexpr std::int64_t kUnlimited = Grammar::kUnlimited;

constexpr std::size_t kMostStates = 4000;       // of one array
constexpr std::size_t kMostUniqueValues = 10;   // 2^10 sets of them
constexpr std::size_t kMostUniqueItems = 100;   // in enums looked through

// Items one after the other; nothing has to be remembered but how many.
Expr write_plain(Writer& writer, const ArrayForm& form, std::string_view name) {
  Grammar& grammar = writer.grammar();
  const auto size = std::ssize(form.prefix);
  const Expr rest = writer.value(form.rest, name);
  const auto more = [&](std::int64_t already) {
    const std::int64_t min = std::max<std::int64_t>(form.min - already, 0);
    const std::int64_t max =
        form.max == kUnlimited ? kUnlimited : form.max - already;
    return grammar.repeat(grammar.sequence({writer.comma(), rest}), min, max);
  };
  if (form.max == 0) {
    return writer.in_brackets('[', grammar.nothing(), ']', true);
  }
  if (size == 0) {
    return writer.in_brackets('[', grammar.sequence({rest, more(1)}), ']',
                              form.min == 0);
  }
  Expr behind = more(size);
  for (std::int64_t place = size; place-- > 0;) {
    Expr item = writer.value(form.item(place), name);
    if (place > 0) item = grammar.sequence({writer.comma(), item});
    behind = grammar.sequence({item, behind});
    if (place > 0 && form.min <= place) behind = grammar.optional(behind);
  }
  return writer.in_brackets('[', behind, ']', form.min == 0);
}

// How far an array has come, as far as it matters: every count is kept only up
// to where more makes no difference.
struct ArrayState {
  std::int64_t length = 0;
  std::vector<std::int64_t> found = {};  // [contains]
  std::vector<char> used = {};           // [value], of unique ones

  auto operator<=>(const ArrayState&) const = default;
};

// Writes an array as a rule for each of its states, called at the end alone.
class ArrayMachine {
 public:
  ArrayMachine(Writer& writer, const ArrayForm& form, std::string_view name)
      : writer_(writer),
        grammar_(writer.grammar()),
        formulas_(writer.normaliser().formulas()),
        form_(form),
        name_(name) {
    last_length_ = std::max<std::int64_t>(
        {1, std::ssize(form.prefix), form.min,
         form.max == kUnlimited ? 0 : form.max});
    for (const Contains& each : form.contains) {
      last_length_ = std::max(last_length_, each.from);
    }
    if (form.unique != nullptr) find_values();
  }

  Expr run() {
    ArrayState start;
    start.found.resize(form_.contains.size());
    start.used.resize(values_.size());
    const Expr inside = items_from(start);
    while (!open_.empty()) {
      const ArrayState state = std::move(open_.back());
      open_.pop_back();
      grammar_.define(rules_.at(state), rest_from(state));
    }
    return writer_.in_brackets('[', inside, ']', may_end(start));
  }

 private:
  void refuse_unique() {
    const Document& document = writer_.normaliser().document();
    document.refuse(
        *form_.unique, "uniqueItems",
        fmt::format("cannot be enforced; the items must be among at most {} "
                    "strings, numbers and constants",
                    kMostUniqueValues));
  }

  // Unique items are kept apart by the texts of their values, which must be
  // few.
  void find_values() {
    std::set<std::string> texts;
    std::set<Id> items(form_.prefix.begin(), form_.prefix.end());
    items.insert(form_.rest);
    for (const Id item : items) {
      const auto some = texts_of(item);
      if (!some) refuse_unique();
      texts.insert(some->begin(), some->end());
      if (texts.size() > kMostUniqueValues) refuse_unique();
    }
    values_.assign(texts.begin(), texts.end());
  }

  std::optional<std::vector<std::string>> texts_of(Id item) {
    if (item == Formulas::kNever) return std::vector<std::string>();
    const Form& form = writer_.normaliser().form(item);
    const auto* numbers = form.numbers.listed();
    const auto* strings = form.strings.finite();
    if (!form.arrays.empty() || !form.objects.empty() || numbers == nullptr ||
        strings == nullptr ||
        numbers->size() + strings->size() > kMostUniqueItems) {
      return std::nullopt;
    }
    std::vector<std::string> texts;
    if (form.has_null) texts.emplace_back("null");
    if (form.has_false) texts.emplace_back("false");
    if (form.has_true) texts.emplace_back("true");
    for (const Decimal& each : *numbers) texts.push_back(each.text());
    for (const std::string& each : *strings) texts.push_back(json_string(each));
    return texts;
  }

  bool may_end(const ArrayState& state) const {
    if (state.length < form_.min) return false;
    for (std::size_t i = 0; i < form_.contains.size(); ++i) {
      if (state.found[i] < form_.contains[i].min) return false;
    }
    return true;
  }

  Expr call(const ArrayState& state) {
    const auto [place, is_new] = rules_.try_emplace(state, 0);
    if (is_new) {
      if (rules_.size() > kMostStates) {
        throw UsageError(fmt::format(
            "cannot be enforced; its arrays take more than {} states",
            kMostStates));
      }
      place->second = grammar_.declare(name_ + "-items");
      open_.push_back(state);
    }
    return grammar_.call(place->second);
  }

  Expr rest_from(const ArrayState& state) {
    std::vector<Expr> choices;
    if (may_end(state)) choices.push_back(grammar_.empty());
    choices.push_back(
        grammar_.sequence({writer_.comma(), items_from(state)}));
    return grammar_.choice(std::move(choices));
  }

  // The next item and those behind it.
  Expr items_from(const ArrayState& state) {
    if (form_.max != kUnlimited && state.length == form_.max) {
      return grammar_.nothing();
    }
    std::vector<Expr> choices;
    add_items(state, 0, form_.item(state.length), choices);
    return grammar_.choice(std::move(choices));
  }

  // For each `contains` from `place` on, an item is or is not one of those.
  void add_items(const ArrayState& state, std::size_t place, Id item,
                 std::vector<Expr>& choices) {
    if (item == Formulas::kNever) return;
    if (place == form_.contains.size()) {
      add_item(state, item, choices);
      return;
    }
    const Contains& each = form_.contains[place];
    if (state.length < each.from) {
      add_items(state, place + 1, item, choices);
      return;
    }
    const std::int64_t found = state.found[place];
    const bool is_limited = each.max != kUnlimited;
    if (is_limited || found < each.min) {
      if (!is_limited || found < each.max) {
        ArrayState with = state;
        ++with.found[place];
        add_items(with, place + 1, formulas_.all({item, each.value}), choices);
      }
      // Where only a minimum counts, one too many does no harm.
      const Id other =
          is_limited ? formulas_.all({item, formulas_.negated(each.value)})
                     : item;
      add_items(state, place + 1, other, choices);
    } else {
      add_items(state, place + 1, item, choices);
    }
  }

  void add_item(const ArrayState& state, Id item, std::vector<Expr>& choices) {
    ArrayState next = state;
    // Lengths beyond the last that matters are all the same.
    next.length = std::min(state.length + 1, last_length_);
    if (form_.unique == nullptr) {
      choices.push_back(
          grammar_.sequence({writer_.value(item, name_), call(next)}));
      return;
    }
    const auto texts = texts_of(item);
    if (!texts) refuse_unique();
    for (const std::string& text : *texts) {
      const auto value = static_cast<std::size_t>(
          std::ranges::lower_bound(values_, text) - values_.begin());
      if (state.used[value] != 0) continue;
      next.used[value] = 1;
      choices.push_back(grammar_.sequence({grammar_.text(text), call(next)}));
      next.used[value] = 0;
    }
  }

  Writer& writer_;
  Grammar& grammar_;
  Formulas& formulas_;
  const ArrayForm& form_;
  const std::string name_;
  std::int64_t last_length_;
  std::vector<std::string> values_;  // texts of unique ones, sorted
  std::map<ArrayState, Grammar::Rule> rules_;
  std::vector<ArrayState> open_;  // whose rules are not defined yet
};

}  // namespace

Grammar::Expr write_array(Writer& writer, const ArrayForm& form,
                          std::string_view name) {
  if (form.contains.empty() && form.unique == nullptr) {
    return write_plain(writer, form, name);
  }
  return ArrayMachine(writer, form, name).run();
}

}  // namespace pilotfish::json_schema
