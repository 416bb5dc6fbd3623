#ifndef PILOTFISH_CLI_FLAGS_H_
#define PILOTFISH_CLI_FLAGS_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// The command line as its commands declare it. CLI11, which reads it, stays in
// flags.cc: its headers take seconds to compile.
namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace pilotfish::cli {

struct ProgramDescription;

// One flag that was declared. Flags, groups and commands are handles: copy them
// freely while their CommandLine lives.
class Flag {
 public:
  explicit Flag(CLI::Option* option) : option_(option) {}

  Flag& required();
  Flag& needs(const Flag& other);
  Flag& excludes(const Flag& other);
  // A vector's values come in one argument, separated by commas.
  Flag& comma_separated();
  // The flag may be given more than once, with one value each time; its help
  // says so.
  Flag& repeatable();
  // So many arguments follow it.
  Flag& takes(int fewest, int most);
  Flag& in_range(int smallest, int largest);
  Flag& not_negative();

  bool given() const;  // in the arguments that were parsed

 private:
  CLI::Option* option_;
};

// The flags under one heading of a command's help. `names` is a list such as
// "-m,--model,--target"; help shows the first short and the first long one, the
// rest are other programs' names, accepted and not shown.
class FlagGroup {
 public:
  FlagGroup(CLI::App* app, std::string heading)
      : app_(app), heading_(std::move(heading)) {}

  // A flag with a value, which help calls `value`. T is std::string, int,
  // std::int64_t, std::uint64_t or double, or an optional or a vector of one.
  template <typename T>
  Flag add(const std::string& names, T& target, const std::string& value,
           const std::string& help) const;
  // The same; `take` gets the value when it is parsed and may throw UsageError.
  // T is std::string or std::int64_t.
  template <typename T>
  Flag add_parsed(const std::string& names, std::function<void(const T&)> take,
                  const std::string& value, const std::string& help) const;
  // An argument without a flag, known by its place. T is std::string or an
  // optional of it.
  template <typename T>
  Flag add_positional(const std::string& name, T& target,
                      const std::string& help) const;
  Flag add_switch(const std::string& names, bool& target,
                  const std::string& help) const;
  Flag add_switch(const std::string& names, std::function<void()> given,
                  const std::string& help) const;

 private:
  CLI::App* app_;
  std::string heading_;
};

// A flag found in the arguments.
struct GivenFlag {
  std::string name;                 // its first long name, without the dashes
  std::string heading;              // of its group
  std::vector<std::string> values;  // of a switch: none
};

class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  FlagGroup group(std::string heading = "Options") const;
  // Requires: a flag of this name was declared.
  Flag flag(const std::string& name) const;
  // Leaves the command out of the program's help and description.
  void hide() const;
  // What to do when the arguments name this command.
  void on_run(std::function<void()> action) const;
  // In the order declared; once the arguments have been parsed.
  std::vector<GivenFlag> given() const;

 private:
  CLI::App* app_;
};

class CommandLine {
 public:
  CommandLine(const std::string& program, const std::string& description,
              const std::string& version);
  ~CommandLine();

  Command add_command(const std::string& name, const std::string& description);

  // Parses the arguments and runs the command they name, or prints the help
  // they ask for. False where they name none: the help goes to standard error.
  // Throws UsageError, and what the command throws.
  bool run(int argc, char** argv);
  // What was declared, without hidden commands.
  ProgramDescription describe() const;

 private:
  std::string summary_;
  std::string version_;
  std::unique_ptr<CLI::App> app_;
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_FLAGS_H_
