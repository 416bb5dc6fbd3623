#ifndef PILOTFISH_FORMATS_JSON_H_
#define PILOTFISH_FORMATS_JSON_H_

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace pilotfish {

// Parses `text`, which must be one JSON object. `where` names it in messages.
// Throws Error, in one line, for malformed JSON, nesting deeper than 64 levels
// and a key that an object has twice.
nlohmann::json parse_json_object(std::string_view text,
                                 const std::string& where);

// The same from a file.
nlohmann::json read_json_object(const std::filesystem::path& path);

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_JSON_H_
