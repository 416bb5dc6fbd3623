#include "web/page.h"

#include "web/assets.h"

namespace pilotfish::web {

std::string page_with(std::string_view json) {
  std::string page(kPageBeforeData);
  // "<" stands inside strings alone, where JSON can spell it so that nothing
  // ends the element that holds the data.
  for (const char c : json) {
    if (c == '<') {
      page += "\\u003c";
    } else {
      page += c;
    }
  }
  return page += kPageAfterData;
}

}  // namespace pilotfish::web
