#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_STRING_SET_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_STRING_SET_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "constraint/dfa.h"
#include "constraint/grammar.h"

namespace pilotfish::json_schema {

// A regular set of strings, which are sequences of code points; how JSON writes
// them comes in at the very end. A value; copies are cheap. What makes a set
// throws UsageError where it is too large to work out.
class StringSet {
 public:
  StringSet() : StringSet(std::vector<std::string>()) {}  // none
  static StringSet all();
  static StringSet of(std::vector<std::string> texts);
  // With at least `min` and at most `max` code points; `max` may be
  // Grammar::kUnlimited.
  static StringSet of_length(std::int64_t min, std::int64_t max);
  // The texts of `dfa` that are UTF-8.
  static StringSet matching(const Dfa& dfa);

  StringSet intersect(const StringSet& other) const;
  StringSet unite(const StringSet& other) const;
  StringSet minus(const StringSet& other) const;

  bool is_empty() const;
  bool is_all() const { return !finite_ && dfa_ == nullptr && any_length(); }
  bool contains(std::string_view text) const;
  // The texts, sorted, where the set was made from a list.
  const std::vector<std::string>* finite() const { return finite_.get(); }

  // How JSON writes the strings, quotes included. Strings about which nothing
  // is known but their lengths may be written with any escapes; in others only
  // what JSON must escape is escaped. `name` is for the rules that this makes.
  Grammar::Expr write(Grammar& grammar, std::string_view name) const;

  bool operator==(const StringSet& other) const;

 private:
  explicit StringSet(std::vector<std::string> texts);
  static StringSet of_valid(Dfa valid);

  bool any_length() const { return min_ == 0 && max_ == Grammar::kUnlimited; }
  bool fits_length(std::int64_t length) const {
    return length >= min_ && (max_ == Grammar::kUnlimited || length <= max_);
  }
  // The whole set as one automaton.
  Dfa as_dfa() const;

  // Either the finite ones, or those of the automaton (null: any) whose length
  // is from `min_` to `max_`.
  std::shared_ptr<const std::vector<std::string>> finite_;
  std::shared_ptr<const Dfa> dfa_;
  std::int64_t min_ = 0;
  std::int64_t max_ = Grammar::kUnlimited;
};

// Any JSON string.
Grammar::Expr write_any_string(Grammar& grammar);

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_STRING_SET_H_
