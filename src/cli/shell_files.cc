#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/flags.h"
#include "cli/man_page.h"
#include "cli/partial_file.h"
#include "cli/program_description.h"
#include "cli/terminal.h"
#include "pilotfish/error.h"

// What an installation adds to a shell: manual pages and completions.
namespace pilotfish::cli {
namespace {

// Today, or the day that a reproducible build gives.
std::string date() {
  std::time_t time = std::time(nullptr);
  if (const char* given = std::getenv("SOURCE_DATE_EPOCH")) {
    time = static_cast<std::time_t>(std::atoll(given));
  }
  std::tm parts = {};
  if (gmtime_r(&time, &parts) == nullptr) {
    throw UsageError("SOURCE_DATE_EPOCH: is no time of a calendar year");
  }
  std::array<char, 32> text = {};
  std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts);
  return text.data();
}

const CommandDescription& find_command(const ProgramDescription& program,
                                       const std::string& name) {
  for (const CommandDescription& command : program.commands) {
    if (command.name == name) return command;
  }
  throw UsageError(fmt::format("man: {} is not a command", name));
}

void write_page(const std::filesystem::path& folder, const std::string& name,
                const std::string& text) {
  PartialFile file(folder / (name + ".1"));
  file.write(text);
  file.commit();
}

void write_pages(const ProgramDescription& program, const std::string& folder) {
  const std::string today = date();
  write_page(folder, program.name, man_page(program, today));
  for (const CommandDescription& command : program.commands) {
    write_page(folder, program.name + "-" + command.name,
               man_page(program, command, today));
  }
}

void add_man(CommandLine& line) {
  struct Options {
    std::string command;
    std::string folder;
  };
  const auto options = std::make_shared<Options>();
  Command command =
      line.add_command("man", "The manual page of the program or of a command");
  command.hide();
  const FlagGroup group = command.group();
  group.add_positional("command", options->command, "The page of this command");
  group.add("-o,--output", options->folder, "FOLDER",
            "Write all pages into a folder");
  command.on_run([options, &line] {
    const ProgramDescription program = line.describe();
    if (!options->folder.empty()) {
      write_pages(program, options->folder);
    } else if (options->command.empty()) {
      write_out(man_page(program, date()));
    } else {
      write_out(
          man_page(program, find_command(program, options->command), date()));
    }
  });
}

std::string completion(const ProgramDescription& program,
                       const std::string& shell) {
  if (shell == "bash") return bash_completion(program);
  if (shell == "zsh") return zsh_completion(program);
  if (shell == "fish") return fish_completion(program);
  throw UsageError(
      fmt::format("completion: {} is not bash, zsh or fish", shell));
}

void add_completion(CommandLine& line) {
  const auto shell = std::make_shared<std::string>();
  Command command = line.add_command(
      "completion", "A script that completes flags in a shell");
  command.hide();
  command.group()
      .add_positional("shell", *shell, "bash, zsh or fish")
      .required();
  command.on_run(
      [shell, &line] { write_out(completion(line.describe(), *shell)); });
}

}  // namespace

void add_shell_files(CommandLine& line) {
  add_man(line);
  add_completion(line);
}

}  // namespace pilotfish::cli
