#ifndef PILOTFISH_WEB_PAGE_H_
#define PILOTFISH_WEB_PAGE_H_

#include <string>
#include <string_view>

namespace pilotfish::web {

// The static page with `json`, an object, inside it: an HTML document that
// needs nothing from outside, and whose script draws it.
// docs/internals/front-ends.md says which data it knows.
std::string page_with(std::string_view json);

}  // namespace pilotfish::web

#endif  // PILOTFISH_WEB_PAGE_H_
