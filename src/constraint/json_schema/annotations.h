#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_ANNOTATIONS_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_ANNOTATIONS_H_

#include <string_view>

namespace pilotfish::json_schema {

// Whether a keyword is known not to affect which values are valid:
// "title", and what editors, generators and OpenAPI add ("x-...").
bool is_annotation(std::string_view keyword);

// Whether a format is known not to affect which strings are valid: the width of
// a number in OpenAPI, or that a string is a password.
bool is_annotating_format(std::string_view format);

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_ANNOTATIONS_H_
