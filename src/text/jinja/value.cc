#include "text/jinja/value.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <functional>

#include "text/jinja/big_integer.h"

namespace pilotfish::jinja {
namespace {

constexpr int64_t kFalseTrue[] = {0, 1};

// The integer equal to `number`, where there is one: such keys must hash alike.
bool as_integer(double number, int64_t& integer) {
  if (!(number >= -0x1p63 && number < 0x1p63)) return false;
  if (number != std::floor(number)) return false;
  integer = static_cast<int64_t>(number);
  return true;
}

}  // namespace

void String::add_marks(const String& whole, std::string_view part) {
  if (part.empty()) return;
  const auto begin = static_cast<size_t>(part.data() - whole.text.data());
  assert(begin + part.size() <= whole.text.size());
  marks.add_part(whole.marks, begin, begin + part.size(), text.size());
}

String content_string(std::string text) {
  Marks marks = Marks::whole(text.size());
  return {std::move(text), false, std::move(marks)};
}

String part_of(const String& whole, std::string_view part) {
  String result;
  result.markup = whole.markup;
  result.append(whole, part);
  return result;
}

String made_from(const String& source, std::string text) {
  Marks marks;
  if (!source.marks.empty()) marks = Marks::whole(text.size());
  return {std::move(text), source.markup, std::move(marks)};
}

Value::Value(std::string text, bool markup)
    : Value(String{std::move(text), markup}) {}

Value::Value(String value)
    : storage_(std::make_shared<const String>(std::move(value))) {}

const int64_t* Value::integer() const {
  if (const bool* value = get<bool>()) return &kFalseTrue[*value ? 1 : 0];
  return get<int64_t>();
}

double Value::number() const {
  if (const double* value = get<double>()) return *value;
  if (const int64_t* value = integer()) return static_cast<double>(*value);
  // GMP's own conversion cuts off; this one rounds.
  return std::strtod(integer_text(*this).c_str(), nullptr);
}

bool Dict::is_key(const Value& key) {
  return key.string() != nullptr || key.is_number() || key.is_none();
}

size_t Dict::Hash::operator()(const Value& key) const {
  if (const String* string = key.string()) {
    return std::hash<std::string>()(string->text);
  }
  int64_t integer = 0;
  if (const int64_t* value = key.integer()) {
    integer = *value;
  } else if (key.is_number() && !as_integer(key.number(), integer)) {
    return std::hash<double>()(key.number());
  }
  return std::hash<int64_t>()(integer);
}

bool Dict::Equal::operator()(const Value& a, const Value& b) const {
  if (const String* left = a.string()) {
    const String* right = b.string();
    return right != nullptr && left->text == right->text;
  }
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (!a.is_number() || !b.is_number()) return false;
  using Big = std::shared_ptr<const BigInteger>;
  if (a.is<Big>() || b.is<Big>()) {
    if (is_integer(a) && is_integer(b)) return big_integer(a) == big_integer(b);
    const double number = a.is<Big>() ? b.number() : a.number();
    const Value& big = a.is<Big>() ? a : b;
    return std::isfinite(number) && big_integer(big) == mpz_class(number) &&
           number == std::floor(number);
  }
  int64_t integers[2];
  const Value* const sides[] = {&a, &b};
  for (size_t i = 0; i < 2; ++i) {
    if (const int64_t* value = sides[i]->integer()) {
      integers[i] = *value;
    } else if (!as_integer(sides[i]->number(), integers[i])) {
      return a.number() == b.number();
    }
  }
  return integers[0] == integers[1];
}

const size_t* Dict::find_index(const Value& key) const {
  if (!is_key(key)) return nullptr;
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &found->second;
}

void Dict::set(Value key, Value value) {
  assert(is_key(key));
  nesting_ = std::max(nesting_, 1 + nesting_of(value));
  if (const size_t* index = find_index(key)) {
    entries_[*index].second = std::move(value);
    return;
  }
  index_.emplace(key, entries_.size());
  entries_.emplace_back(std::move(key), std::move(value));
}

void Dict::set(std::string_view key, Value value) {
  set(Value(std::string(key)), std::move(value));
}

const Value* Dict::find(const Value& key) const {
  const size_t* index = find_index(key);
  return index == nullptr ? nullptr : &entries_[*index].second;
}

const Value* Dict::find(std::string_view key) const {
  return find(Value(std::string(key)));
}

size_t nesting_of(const Value& value) {
  if (const Sequence* sequence = value.sequence()) return sequence->nesting;
  if (const Dict* dict = value.dict()) return dict->nesting();
  if (const auto* generator = value.get<std::shared_ptr<Generator>>()) {
    return (*generator)->nesting;
  }
  if (const auto* method = value.get<std::shared_ptr<const Method>>()) {
    return 1 + nesting_of((*method)->receiver);
  }
  return 0;
}

size_t nesting_of(const Values& values) {
  size_t deepest = 0;
  for (const Value& value : values) {
    deepest = std::max(deepest, nesting_of(value));
  }
  return deepest;
}

std::string_view type_name(const Value& value) {
  struct Names {
    std::string_view operator()(None) const { return "none"; }
    std::string_view operator()(const Undefined&) const { return "undefined"; }
    std::string_view operator()(bool) const { return "bool"; }
    std::string_view operator()(int64_t) const { return "int"; }
    std::string_view operator()(
        const std::shared_ptr<const BigInteger>&) const {
      return "int";
    }
    std::string_view operator()(double) const { return "float"; }
    std::string_view operator()(const std::shared_ptr<const String>&) const {
      return "str";
    }
    std::string_view operator()(
        const std::shared_ptr<const Sequence>& value) const {
      switch (value->kind) {
        case SequenceKind::kList:
          return "list";
        case SequenceKind::kTuple:
          return "tuple";
        case SequenceKind::kRange:
          return "range";
        case SequenceKind::kKeys:
          return "dict_keys";
        case SequenceKind::kValues:
          return "dict_values";
        case SequenceKind::kItems:
          return "dict_items";
      }
      return "list";
    }
    std::string_view operator()(const std::shared_ptr<const Dict>&) const {
      return "dict";
    }
    std::string_view operator()(const std::shared_ptr<Generator>&) const {
      return "generator";
    }
    std::string_view operator()(const std::shared_ptr<const Method>&) const {
      return "method";
    }
    std::string_view operator()(const Builtin*) const { return "function"; }
    std::string_view operator()(Namespace*) const { return "namespace"; }
    std::string_view operator()(Loop*) const { return "loop"; }
    std::string_view operator()(Cycler*) const { return "cycler"; }
    std::string_view operator()(Joiner*) const { return "joiner"; }
    std::string_view operator()(const Macro*) const { return "macro"; }
  };
  return std::visit(Names(), value.storage());
}

bool is_true(const Value& value) {
  if (value.is_none() || value.is_undefined()) return false;
  if (value.is<std::shared_ptr<const BigInteger>>()) return true;
  if (value.is_number()) return value.number() != 0;
  if (const String* string = value.string()) return !string->text.empty();
  if (const Sequence* sequence = value.sequence()) {
    return !sequence->items.empty();
  }
  if (const Dict* dict = value.dict()) return !dict->entries().empty();
  return true;
}

std::shared_ptr<const Sequence> make_sequence(SequenceKind kind, Values items) {
  const size_t nesting = 1 + nesting_of(items);
  return std::make_shared<const Sequence>(
      Sequence{kind, std::move(items), nesting});
}

}  // namespace pilotfish::jinja
