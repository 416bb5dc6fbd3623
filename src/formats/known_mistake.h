#ifndef PILOTFISH_FORMATS_KNOWN_MISTAKE_H_
#define PILOTFISH_FORMATS_KNOWN_MISTAKE_H_

#include <filesystem>
#include <optional>
#include <string_view>

namespace pilotfish {

// What often lies where a file of a model should: nothing, a git-lfs pointer, a
// web page. Says so and what to do, for a reader to put behind the file's name;
// nullopt: none of these.
std::optional<std::string_view> known_mistake(std::string_view contents);

// Throws Error for the name of one file of a Hugging Face folder, weights or
// description, where a whole model is wanted: says to give the folder.
void refuse_part_of_model(const std::filesystem::path& path);

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_KNOWN_MISTAKE_H_
