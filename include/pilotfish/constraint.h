#ifndef PILOTFISH_CONSTRAINT_H_
#define PILOTFISH_CONSTRAINT_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pilotfish {

class Automaton;

// How JSON is written where the schema does not say.
struct JsonSchemaOptions {
  enum class Whitespace {
    kFlexible,  // as models like to write: some blanks, line breaks, tabs
    kSpaced,    // one blank behind each ':' and ','
    kCompact,   // none
  };
  Whitespace whitespace = Whitespace::kFlexible;
  // Properties come in the order in which the schema lists them. If false, in
  // any order, for up to 10 properties of an object.
  bool keep_order = true;
  // Ignores keywords and formats that are unknown here. Known keywords that
  // cannot be enforced are always refused.
  bool lenient = false;
};

// What a text has to be, for any model: a JSON schema, a regular expression, a
// grammar or a choice of texts, compiled. Immutable: any number of requests and
// threads may share one.
class Constraint {
 public:
  // Each throws a UsageError that says what in the source is wrong, cannot be
  // enforced or is too large, and where.

  // Texts that are JSON and valid by this schema, of drafts 4 to 2020-12.
  static std::shared_ptr<const Constraint> json_schema(
      std::string_view schema, const JsonSchemaOptions& options = {});
  // Any JSON object.
  static std::shared_ptr<const Constraint> json_object(
      const JsonSchemaOptions& options = {});
  // Texts that a regular expression in RE2's syntax matches from end to end.
  static std::shared_ptr<const Constraint> regex(std::string_view pattern);
  // Texts that the rule `root` of a grammar in llama.cpp's GBNF allows.
  static std::shared_ptr<const Constraint> gbnf(std::string_view grammar);
  // One of these texts.
  static std::shared_ptr<const Constraint> choice(
      std::span<const std::string> texts);

  explicit Constraint(std::shared_ptr<const Automaton> automaton);

  const std::shared_ptr<const Automaton>& automaton() const {
    return automaton_;
  }

 private:
  std::shared_ptr<const Automaton> automaton_;
};

// The grammar of the texts that a schema allows, in GBNF. Throws UsageError as
// Constraint::json_schema does.
std::string json_schema_to_gbnf(std::string_view schema,
                                const JsonSchemaOptions& options = {});

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_H_
