#ifndef PILOTFISH_FORMATS_JSON_H_
#define PILOTFISH_FORMATS_JSON_H_

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace pilotfish {

// Parses `text`, which must be one JSON object. `where` names it in messages.
// NaN, Infinity and -Infinity, which Python writes, become strings of that
// name: they do no harm where nobody asks, and are refused where a number is
// wanted. Throws Error, in one line, for malformed JSON, nesting deeper than 64
// levels and a key that an object has twice.
nlohmann::json parse_json_object(std::string_view text,
                                 const std::string& where);

// The same from a file.
nlohmann::json read_json_object(const std::filesystem::path& path);

// The same for any one value, of any depth, in which the last of equal keys
// counts.
nlohmann::json parse_any_json(std::string_view text, const std::string& where);

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_JSON_H_
