#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_DOCUMENT_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_DOCUMENT_H_

#include <string>
#include <string_view>
#include <unordered_map>

#include "constraint/json_schema/uri.h"
#include "constraint/json_schema/value.h"
#include "pilotfish/error.h"

namespace pilotfish::json_schema {

// A UsageError whose message already names the place in the document.
class Refusal : public UsageError {
 public:
  using UsageError::UsageError;
};

// The draft of JSON Schema by which a document is read. A document that names
// none is read by the newest one, but forms that only older drafts have
// (`items` as a list, exclusiveMinimum: true) keep their meaning.
enum class Draft { kDraft4, kDraft6, kDraft7, k2019, k2020 };

// A document that is a schema: where its parts lie, and what its references
// mean. References into other documents are refused.
class Document {
 public:
  explicit Document(Value root);
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  const Value& root() const { return root_; }
  Draft draft() const { return draft_; }

  // Whether the keyword came with a later draft than the document's, and so has
  // no meaning in it.
  bool is_too_new(std::string_view keyword) const;

  // The schema that a `$ref` in `schema` leads to. Throws UsageError if it is
  // not in this document.
  const Value& referenced(const Value& schema,
                          std::string_view reference) const;
  // The same for `$dynamicRef` and `$recursiveRef`. Those whose target depends
  // on the references on the way are refused.
  const Value& dynamically_referenced(const Value& schema,
                                      std::string_view reference) const;

  // "#/properties/a": where a part of the document lies. Slow; for messages.
  std::string pointer(const Value& part) const;
  // Throws Refusal: "#/properties/a/KEYWORD: WHY".
  [[noreturn]] void refuse(const Value& schema, std::string_view keyword,
                           const std::string& why) const;

 private:
  void index(const Value& schema, Uri base);
  void index_below(const Value& schema, const Uri& base);
  const Value* find(const Uri& target) const;
  const Value* find_by_pointer(const Value& from,
                               std::string_view pointer) const;

  Value root_;
  Draft draft_ = Draft::k2020;
  std::unordered_map<const Value*, Uri> bases_;  // of schemas with references
  std::unordered_map<std::string, const Value*> resources_;  // by URI
  std::unordered_map<std::string, const Value*> anchors_;    // "URI#name"
  std::unordered_map<std::string, int> dynamic_anchors_;  // how many, by name
};

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_DOCUMENT_H_
