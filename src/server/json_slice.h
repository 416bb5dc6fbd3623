#ifndef PILOTFISH_SERVER_JSON_SLICE_H_
#define PILOTFISH_SERVER_JSON_SLICE_H_

#include <string_view>
#include <vector>

namespace pilotfish::server {

// Parts of a JSON text as they are written, with the order of members and the
// digits of numbers, which InJson does not keep. The text must have been parsed
// without an error.

// The value of a member of an object, the last one of that name. Empty: there
// is none.
std::string_view json_member(std::string_view object, std::string_view name);

// The elements of an array.
std::vector<std::string_view> json_elements(std::string_view array);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_JSON_SLICE_H_
