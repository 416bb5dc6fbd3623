#include "constraint/json_schema/writer.h"

#include <algorithm>
#include <cstddef>

#include "constraint/effort.h"
#include "constraint/json_schema/json_text.h"
#include "constraint/json_schema/value.h"
#include "constraint/prune.h"

namespace pilotfish::json_schema {
namespace {

constexpr std::size_t kLongestName = 40;
// What a look at a set counts for in the Effort of looking for one.
constexpr std::int64_t kStepsToCompare = 4;

// A name for a rule: what is left of a property's without odd characters.
std::string rule_name(std::string_view text) {
  std::string name;
  for (const char c : text.substr(0, kLongestName)) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9');
    name += is_plain ? c : '-';
  }
  return name.empty() ? "value" : name;
}

}  // namespace

Writer::Expr Writer::write(Id id) {
  const auto first = static_cast<Grammar::Rule>(grammar_.rules());
  const Expr start = value(id, "root");
  write_open();
  const Expr pruned = remove_unproductive(grammar_, start, first);
  if (pruned == grammar_.nothing()) {
    normaliser_.document().refuse(normaliser_.document().root(), "",
                                  "no value at all is valid by this schema");
  }
  return pruned;
}

void Writer::write_open() {
  while (!open_.empty()) {
    const Open open = std::move(open_.back());
    open_.pop_back();
    const Form& form = normaliser_.form(open.id);
    std::vector<Expr> choices;
    try {
      choices.push_back(scalars(form, open.name));
      for (const ArrayForm& each : form.arrays) {
        choices.push_back(write_array(*this, each, open.name));
      }
      for (const ObjectForm& each : form.objects) {
        choices.push_back(write_object(*this, each));
      }
    } catch (const Refusal&) {
      throw;
    } catch (const UsageError& error) {
      normaliser_.document().refuse(normaliser_.place_of(open.id), "",
                                    error.what());
    }
    grammar_.define(open.rule, grammar_.choice(std::move(choices)));
  }
}

Writer::Expr Writer::value(Id id, std::string_view name) {
  if (id == Formulas::kNever) return grammar_.nothing();
  if (id == Formulas::kAny) return any_value();
  if (const auto known = values_.find(id); known != values_.end()) {
    return known->second;
  }
  const Form& form = normaliser_.form(id);
  Expr expr = 0;
  if (form.arrays.empty() && form.objects.empty()) {
    try {
      expr = scalars(form, name);
    } catch (const Refusal&) {
      throw;
    } catch (const UsageError& error) {
      normaliser_.document().refuse(normaliser_.place_of(id), "", error.what());
    }
  } else {
    const Grammar::Rule rule = grammar_.declare(rule_name(name));
    open_.push_back({.id = id, .rule = rule, .name = rule_name(name)});
    expr = grammar_.call(rule);
  }
  values_.emplace(id, expr);
  return expr;
}

Writer::Expr Writer::scalars(const Form& form, std::string_view name) {
  std::vector<Expr> choices;
  if (form.has_null) choices.push_back(grammar_.text("null"));
  if (form.has_false) choices.push_back(grammar_.text("false"));
  if (form.has_true) choices.push_back(grammar_.text("true"));
  if (!form.numbers.is_empty()) choices.push_back(numbers(form.numbers));
  if (!form.strings.is_empty()) choices.push_back(strings(form.strings, name));
  return grammar_.choice(std::move(choices));
}

Writer::Expr Writer::define(std::string_view name, Expr body) {
  const Grammar::Rule rule = grammar_.declare(std::string(name));
  grammar_.define(rule, body);
  return grammar_.call(rule);
}

Writer::Expr Writer::strings(const StringSet& strings, std::string_view name) {
  if (strings.is_all()) return any_string();
  if (strings.finite() != nullptr) return strings.write(grammar_, name);
  Effort::spend(kStepsToCompare * std::ssize(strings_));
  for (const auto& [known, expr] : strings_) {
    if (known == strings) return expr;
  }
  const std::string its = rule_name(name);
  const Expr expr = define(its + "-text", strings.write(grammar_, its));
  strings_.emplace_back(strings, expr);
  return expr;
}

Writer::Expr Writer::numbers(const NumberSet& numbers) {
  if (numbers.listed() != nullptr) return numbers.write(grammar_, "");
  Effort::spend(kStepsToCompare * std::ssize(numbers_));
  for (const auto& [known, expr] : numbers_) {
    if (known == numbers) return expr;
  }
  const Expr expr =
      define(numbers == NumberSet::integers() ? "integer" : "number",
             numbers.write(grammar_, "digits"));
  numbers_.emplace_back(numbers, expr);
  return expr;
}

Writer::Expr Writer::any_string() {
  if (any_string_ == 0)
    any_string_ = define("string", write_any_string(grammar_));
  return any_string_;
}

Writer::Expr Writer::any_value() {
  if (any_value_ != 0) return any_value_;
  const Grammar::Rule rule = grammar_.declare("json");
  any_value_ = grammar_.call(rule);
  const Expr item = any_value_;
  const Expr pair = member(any_string(), Formulas::kAny, "json");
  const auto list = [&](Expr each) {
    return grammar_.sequence(
        {each, grammar_.repeat(grammar_.sequence({comma(), each}), 0,
                               Grammar::kUnlimited)});
  };
  grammar_.define(rule,
                  grammar_.choice({scalars(Form::any(), "json"),
                                   in_brackets('[', list(item), ']', true),
                                   in_brackets('{', list(pair), '}', true)}));
  return any_value_;
}

Writer::Expr Writer::member(Expr key, Id value, std::string_view name) {
  return grammar_.sequence(
      {key, grammar_.text(":"), space_behind(true), this->value(value, name)});
}

Writer::Expr Writer::space_behind(bool is_separator) {
  Expr& known = spaces_[is_separator ? 1 : 0];
  if (known == 0) {
    known = write_space(grammar_, options_.whitespace, is_separator);
    if (options_.whitespace == JsonSchemaOptions::Whitespace::kFlexible) {
      known = is_separator ? space() : define("space", known);
    }
  }
  return known;
}

Writer::Expr Writer::comma() {
  return grammar_.sequence({grammar_.text(","), space_behind(true)});
}

Writer::Expr Writer::in_brackets(char open, Expr inside, char close,
                                 bool may_be_empty) {
  Expr between = grammar_.sequence({inside, space()});
  if (may_be_empty) between = grammar_.optional(between);
  return grammar_.sequence({grammar_.text(std::string(1, open)), space(),
                            between, grammar_.text(std::string(1, close))});
}

}  // namespace pilotfish::json_schema
