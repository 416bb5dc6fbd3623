#ifndef PILOTFISH_CLI_HELP_H_
#define PILOTFISH_CLI_HELP_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace pilotfish::cli {

// Help that fits into 80 columns.
class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(kColumn); }

  std::string make_option_name(const CLI::Option* option,
                               bool is_positional) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_group(
      std::string group, bool is_positional,
      std::vector<const CLI::Option*> options) const override;

 private:
  static constexpr size_t kColumn = 28;  // where descriptions begin
  static constexpr size_t kWidth = 80;
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_HELP_H_
