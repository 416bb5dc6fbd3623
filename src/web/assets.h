#ifndef PILOTFISH_WEB_ASSETS_H_
#define PILOTFISH_WEB_ASSETS_H_

#include <string_view>

namespace pilotfish::web {

// page.html with the style and the script in it, up to the data and from there
// on. The build makes them from the files of this folder.
extern const std::string_view kPageBeforeData;
extern const std::string_view kPageAfterData;

}  // namespace pilotfish::web

#endif  // PILOTFISH_WEB_ASSETS_H_
