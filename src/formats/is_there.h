#ifndef PILOTFISH_FORMATS_IS_THERE_H_
#define PILOTFISH_FORMATS_IS_THERE_H_

#include <filesystem>

namespace pilotfish {

// Whether there is something at `path`. A link that leads nowhere and what
// cannot even be looked at (no permission) count as there, so that opening it
// tells why.
inline bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::symlink_status(path, ignored).type() !=
         std::filesystem::file_type::not_found;
}

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_IS_THERE_H_
