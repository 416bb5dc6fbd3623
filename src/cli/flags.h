#ifndef PILOTFISH_CLI_FLAGS_H_
#define PILOTFISH_CLI_FLAGS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/flag_rules.h"

// The command line as its commands declare it. CLI11, which reads it, stays in
// flags.cc: its headers take seconds to compile.
namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace pilotfish::cli {

struct ProgramDescription;
// What is declared of every flag, by CLI11's object for it.
using FlagRegistry = std::map<const CLI::Option*, FlagRules>;

// One flag that was declared. Flags, groups and commands are handles: copy them
// freely while their CommandLine lives.
//
// A flag's value is never empty and, where it is a number, all of it is one and
// fits its type; UsageError otherwise. Of a flag given twice the last counts.
class Flag {
 public:
  Flag(CLI::Option* option, FlagRules* rules)
      : option_(option), rules_(rules) {}

  Flag& required();
  Flag& excludes(const Flag& other);
  // The flag has no effect, and is refused, unless one of the others is given.
  Flag& needs(const std::vector<Flag>& others);
  // Where this flag is given, those that need `other` have what they need.
  Flag& stands_for(const Flag& other);
  // Those that need this flag have what they need without it.
  Flag& implied();
  // The same for a condition that no single flag decides: `met` says, once the
  // arguments have been read, whether it holds; messages call it `what`.
  Flag& needs(std::string what, std::function<bool()> met);
  Flag& may_be_empty();
  // A vector's values come in one argument, separated by commas.
  Flag& comma_separated();
  // The flag may be given more than once, with one value each time; its help
  // says so.
  Flag& repeatable();
  // So many arguments follow it.
  Flag& takes(int fewest, int most);
  Flag& in_range(std::int64_t smallest, std::int64_t largest);
  // Values that shell completion knows; they need not be all there are.
  Flag& offers(std::vector<std::string> values);
  // The value is text in which -e reads \n and the like; a command with such a
  // flag has -e,--escape and --no-escape.
  Flag& has_escapes();

  bool given() const;        // in the arguments that were parsed
  std::string name() const;  // the first long one or else short one, dashed

 private:
  CLI::Option* option_;
  FlagRules* rules_;
};

// The flags under one heading of a command's help. `names` is a list such as
// "-m,--model,--target"; help shows the first short and the first long one, the
// rest are accepted and not shown. Names that llama.cpp has for a flag are not
// among them: foreign_flags.cc lists those.
class FlagGroup {
 public:
  FlagGroup(CLI::App* app, FlagRegistry* registry, std::string heading)
      : app_(app), registry_(registry), heading_(std::move(heading)) {}

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
  // Gets the flag's name, its values and what they may be.
  using Take = std::function<void(
      const std::string&, const std::vector<std::string>&, const FlagRules&)>;
  Flag declare(const std::string& names, const std::string& value,
               const std::string& help, Take take) const;

  CLI::App* app_;
  FlagRegistry* registry_;
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
  Command(CLI::App* app, FlagRegistry* registry)
      : app_(app), registry_(registry) {}

  FlagGroup group(std::string heading = "Options") const;
  // Requires: a flag of this name was declared.
  Flag flag(const std::string& name) const;
  // Leaves the command out of the program's help and description.
  void hide() const;
  // What to do when the arguments name this command. Called once, when all its
  // flags are declared.
  void on_run(std::function<void()> action) const;
  // In the order declared; once the arguments have been parsed.
  std::vector<GivenFlag> given() const;

 private:
  CLI::App* app_;
  FlagRegistry* registry_;
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
  std::unique_ptr<FlagRegistry> registry_;
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_FLAGS_H_
