#ifndef PILOTFISH_FORMATS_KNOWN_MISTAKE_H_
#define PILOTFISH_FORMATS_KNOWN_MISTAKE_H_

#include <optional>
#include <string_view>

namespace pilotfish {

// What often lies where a file of a model should: nothing, a git-lfs pointer, a
// web page. Says so and what to do, for a reader to put behind the file's name;
// nullopt: none of these.
std::optional<std::string_view> known_mistake(std::string_view contents);

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_KNOWN_MISTAKE_H_
