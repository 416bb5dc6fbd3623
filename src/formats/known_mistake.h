#ifndef PILOTFISH_FORMATS_KNOWN_MISTAKE_H_
#define PILOTFISH_FORMATS_KNOWN_MISTAKE_H_

#include <filesystem>
#include <optional>
#include <string_view>

namespace pilotfish {

// Recognises what is often found in place of a model's file: nothing at all, a
// git-lfs pointer or a web page. Returns what it is and what to do about it,
// for a message that begins with the file's name; nullopt: none of these.
std::optional<std::string_view> known_mistake(std::string_view contents);

// Throws Error, which says to give the folder, if `path` has the name of one
// file of a Hugging Face folder, weights or description. A GGUF file may have
// any name.
void refuse_part_of_model(const std::filesystem::path& path);

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_KNOWN_MISTAKE_H_
