#include "constraint/json_schema/annotations.h"

#include <algorithm>
#include <array>

namespace pilotfish::json_schema {
namespace {

constexpr auto kAnnotations = std::to_array<std::string_view>({
    // JSON Schema's own.
    "$anchor", "$comment", "$defs", "$dynamicAnchor", "$id", "$recursiveAnchor",
    "$schema", "$vocabulary", "contentEncoding", "contentMediaType",
    "contentSchema", "default", "definitions", "deprecated", "description",
    "examples", "format", "id", "readOnly", "title", "writeOnly",
    // Hyper-schema, and what older drafts had.
    "base", "links", "media", "targetSchema",
    // OpenAPI.
    "discriminator", "example", "externalDocs", "xml",
    // Editors and generators of code and documents.
    "allowTrailingCommas", "alias", "aliases", "allowComments", "author",
    "comment", "defaultSnippets", "deprecationMessage", "doNotSuggest",
    "enumDescriptions", "enumNames", "errorMessage", "existingJavaType",
    "extendsJavaClass", "help", "javaEnumNames", "javaInterfaces", "javaName",
    "javaType", "label", "markdownDescription", "markdownEnumDescriptions",
    "name", "note", "notes", "options", "order", "patternErrorMessage",
    "propertyOrder", "readonly", "self", "sinceVersion", "suggestSortText",
    "tsType", "version", "visible"});

constexpr std::array<std::string_view, 9> kAnnotatingFormats = {
    "binary", "byte", "double", "float", "int32",
    "int64",  "int8", "int16",  "password"};

}  // namespace

bool is_annotation(std::string_view keyword) {
  return keyword.starts_with("x-") || keyword.starts_with("_") ||
         keyword.starts_with("//") ||
         std::ranges::find(kAnnotations, keyword) != kAnnotations.end();
}

bool is_annotating_format(std::string_view format) {
  return std::ranges::find(kAnnotatingFormats, format) !=
         kAnnotatingFormats.end();
}

}  // namespace pilotfish::json_schema
