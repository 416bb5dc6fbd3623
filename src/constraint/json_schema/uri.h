#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_URI_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_URI_H_

#include <string>
#include <string_view>

namespace pilotfish::json_schema {

// The parts of a URI reference by RFC 3986. A part that is missing is empty;
// nothing here needs to tell "a?" from "a".
struct Uri {
  std::string scheme;
  std::string authority;  // with its "//"
  std::string path;
  std::string query;     // with its '?'
  std::string fragment;  // without its '#'

  static Uri parse(std::string_view reference);
  // Everything but the fragment, which names what the reference is into.
  std::string resource() const;
};

// What `reference` means where `base` is the base URI (RFC 3986, 5.2).
Uri resolve_uri(const Uri& base, const Uri& reference);

// "a%20b" is "a b". What is no escape stays as it is.
std::string percent_decoded(std::string_view text);

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_URI_H_
