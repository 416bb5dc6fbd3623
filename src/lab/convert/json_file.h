#ifndef PILOTFISH_LAB_CONVERT_JSON_FILE_H_
#define PILOTFISH_LAB_CONVERT_JSON_FILE_H_

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

namespace pilotfish {

// Writes `value`, indented, whole or not at all. Throws Error where the file
// cannot be written and nlohmann's type_error where a string is not UTF-8.
void write_json(const std::filesystem::path& path,
                const nlohmann::ordered_json& value);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_CONVERT_JSON_FILE_H_
