#ifndef PILOTFISH_CLI_PAGE_FRAME_H_
#define PILOTFISH_CLI_PAGE_FRAME_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/page/markup.h"

namespace pilotfish::cli {

// A whole HTML document that needs nothing from outside: page.css and page.js
// are part of it, and it tells the browser to load nothing else. `summary`
// follows the title at the top; who made it, and when, ends it.
std::string page(std::string_view title, const Markup& summary,
                 const Markup& content);

// The pieces that pages share.
using Facts = std::vector<std::pair<std::string, std::string>>;
Markup fact_list(const Facts& facts);
// Few and large; the first of each pair is what the second, a number, is.
Markup headline_figures(const Facts& facts);
// A section with a heading; `id` is unique in the page.
Markup section(const std::string& id, std::string_view heading,
               const Markup& content);
// A command to copy.
Markup command_block(std::string_view command);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_PAGE_FRAME_H_
