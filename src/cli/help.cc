#include "cli/help.h"

#include <sstream>
#include <utility>

namespace pilotfish::cli {

// An option's first short and first long name.
std::string HelpFormatter::make_option_name(const CLI::Option* option,
                                            bool is_positional) const {
  if (is_positional) return option->get_name(true);
  std::string name;
  if (!option->get_snames().empty()) name = "-" + option->get_snames().front();
  if (option->get_lnames().empty()) return name;
  return name + (name.empty() ? "--" : ",--") + option->get_lnames().front();
}

// What an option takes, without CLI11's notes on defaults and exclusions: the
// descriptions say those.
std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  const std::string& text = option->get_option_text();
  return text.empty() ? text : " " + text;
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  std::istringstream words(option->get_description());
  std::string text;
  size_t column = kColumn;
  for (std::string word; words >> word;) {
    const bool fits = column + 1 + word.size() <= kWidth;
    if (!text.empty()) text += fits ? ' ' : '\n';
    column = fits && !text.empty() ? column + 1 + word.size()
                                   : kColumn + word.size();
    text += word;
  }
  return text;
}

// One blank line between groups, where CLI11 has two.
std::string HelpFormatter::make_usage(const CLI::App* app,
                                      std::string name) const {
  return Formatter::make_usage(app, std::move(name)) + "\n";
}

std::string HelpFormatter::make_group(
    std::string group, bool is_positional,
    std::vector<const CLI::Option*> options) const {
  const std::string text = Formatter::make_group(
      std::move(group), is_positional, std::move(options));
  return text.substr(1) + (is_positional ? "\n" : "");
}

}  // namespace pilotfish::cli
