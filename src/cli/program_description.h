#ifndef PILOTFISH_CLI_PROGRAM_DESCRIPTION_H_
#define PILOTFISH_CLI_PROGRAM_DESCRIPTION_H_

#include <string>
#include <string_view>
#include <vector>

// What the commands declared, as data: man pages and completions are made of
// it.
namespace pilotfish::cli {

struct FlagDescription {
  std::vector<std::string> names;  // with dashes; a positional's has none
  std::string value = {};          // what help calls its value; of a switch: ""
  std::vector<std::string> choices = {};  // values that completion offers
  std::string help = {};
  std::string heading = {};

  bool is_positional() const { return !names.front().starts_with('-'); }
  // Values are files, folders or models.
  bool takes_files() const {
    for (const std::string_view word : {"FILE", "FOLDER", "MODEL", "TARGET"}) {
      if (value.find(word) != std::string::npos) return true;
    }
    return is_positional();
  }
};

struct CommandDescription {
  std::string name;
  std::string summary;
  std::vector<FlagDescription> flags;  // in the order declared
};

struct ProgramDescription {
  std::string name;
  std::string summary;
  std::string version;
  std::vector<FlagDescription> flags;  // those that need no command
  std::vector<CommandDescription> commands;
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_PROGRAM_DESCRIPTION_H_
