#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_FORMULAS_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_FORMULAS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "constraint/json_schema/value.h"

namespace pilotfish::json_schema {

// Says which values a place may hold, as a formula whose atoms are schemas of
// the document. Formulas are values in an arena: equal ones have equal ids, and
// what is plainly equal is simplified, so that a recursive schema leads to
// finitely many of them.
class Formulas {
 public:
  enum class Kind : std::uint8_t {
    kNever,
    kAny,
    kSchema,      // valid by a schema
    kKeywords,    // the same, but for the keywords that join schemas ("allOf")
    kEqual,       // equal to a value
    kHasKey,      // an object that has this key
    kAll,         // valid by every part
    kAnyOf,       // valid by some part
    kExactlyOne,  // valid by one part and by no other
    kNot,         // not valid by the part, of one of the kinds from kSchema to
                  // kHasKey or kExactlyOne
  };
  using Id = std::int32_t;
  struct Node {
    Kind kind;
    const Value* value = nullptr;
    std::string key = {};
    std::vector<Id> parts = {};

    auto operator<=>(const Node&) const = default;
  };

  static constexpr Id kNever = 0;
  static constexpr Id kAny = 1;

  // Throws UsageError once there are more formulas than `most`.
  explicit Formulas(std::size_t most = std::size_t{1} << 18);

  // A schema that is true or false is kAny or kNever.
  Id schema(const Value& schema);
  Id keywords(const Value& schema);
  Id equal(const Value& value);
  Id has_key(const std::string& key);
  // Parts keep their order, which says in which order properties come.
  Id all(std::vector<Id> parts);
  Id any_of(std::vector<Id> parts);
  Id exactly_one(std::vector<Id> parts);
  Id negated(Id id);

  const Node& node(Id id) const { return *nodes_[static_cast<std::size_t>(id)]; }

 private:
  Id add(Node node);
  // The parts without repetitions, those of `kind` replaced by theirs.
  // `neutral` is left out. False: a part is `absorbing`, or two are opposites.
  bool flatten(Kind kind, Id neutral, Id absorbing, std::vector<Id>& parts);

  std::size_t most_;
  std::map<Node, Id> ids_;
  std::vector<const Node*> nodes_;  // [id], keys of ids_
};

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_FORMULAS_H_
