#include "cli/flags.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <sstream>
#include <utility>

#include "cli/program_description.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

// Help that fits into 80 columns.
class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(kColumn); }

  // An option's first short and first long name.
  std::string make_option_name(const CLI::Option* option,
                               bool is_positional) const override {
    if (is_positional) return option->get_name(true);
    std::string name;
    if (!option->get_snames().empty()) {
      name = "-" + option->get_snames().front();
    }
    if (option->get_lnames().empty()) return name;
    return name + (name.empty() ? "--" : ",--") + option->get_lnames().front();
  }

  // What an option takes, without CLI11's notes on defaults and exclusions: the
  // descriptions say those.
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string& text = option->get_option_text();
    return text.empty() ? text : " " + text;
  }

  std::string make_option_desc(const CLI::Option* option) const override {
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
  std::string make_usage(const CLI::App* app, std::string name) const override {
    return Formatter::make_usage(app, std::move(name)) + "\n";
  }

  std::string make_group(
      std::string group, bool is_positional,
      std::vector<const CLI::Option*> options) const override {
    const std::string text = Formatter::make_group(
        std::move(group), is_positional, std::move(options));
    return text.substr(1) + (is_positional ? "\n" : "");
  }

 private:
  static constexpr size_t kColumn = 28;  // where descriptions begin
  static constexpr size_t kWidth = 80;
};

// The arguments in reverse, as CLI11 takes them. llama.cpp's -md is read as
// --model-draft: CLI11 has no short names of two letters.
std::vector<std::string> reversed(int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) {
    const std::string_view argument = argv[i];
    arguments.emplace_back(argument == "-md" ? "--model-draft" : argument);
  }
  return arguments;
}

}  // namespace

Flag& Flag::required() {
  option_->required();
  return *this;
}

Flag& Flag::needs(const Flag& other) {
  option_->needs(other.option_);
  return *this;
}

Flag& Flag::excludes(const Flag& other) {
  option_->excludes(other.option_);
  return *this;
}

Flag& Flag::comma_separated() {
  option_->delimiter(',');
  return *this;
}

Flag& Flag::repeatable() {
  option_->description(option_->get_description() + " (repeatable)");
  option_->allow_extra_args(false)->multi_option_policy(
      CLI::MultiOptionPolicy::Throw);
  return *this;
}

Flag& Flag::takes(int fewest, int most) {
  option_->expected(fewest, most);
  return *this;
}

Flag& Flag::in_range(int smallest, int largest) {
  option_->check(CLI::Range(smallest, largest));
  return *this;
}

Flag& Flag::not_negative() {
  option_->check(CLI::NonNegativeNumber);
  return *this;
}

bool Flag::given() const { return option_->count() > 0; }

template <typename T>
Flag FlagGroup::add(const std::string& names, T& target,
                    const std::string& value, const std::string& help) const {
  CLI::Option* option = app_->add_option(names, target, help);
  return Flag(option->option_text(value)->group(heading_));
}

template <typename T>
Flag FlagGroup::add_parsed(const std::string& names,
                           std::function<void(const T&)> take,
                           const std::string& value,
                           const std::string& help) const {
  CLI::Option* option = app_->add_option_function<T>(names, take, help);
  return Flag(option->option_text(value)->group(heading_));
}

template <typename T>
Flag FlagGroup::add_positional(const std::string& name, T& target,
                               const std::string& help) const {
  return add(name, target, " ", help);  // its name says enough
}

Flag FlagGroup::add_switch(const std::string& names, bool& target,
                           const std::string& help) const {
  return Flag(app_->add_flag(names, target, help)->group(heading_));
}

Flag FlagGroup::add_switch(const std::string& names,
                           std::function<void()> given,
                           const std::string& help) const {
  return Flag(
      app_->add_flag_callback(names, std::move(given), help)->group(heading_));
}

// The types that flags can have.
#define PILOTFISH_FLAG_TYPE(...)                                              \
  template Flag FlagGroup::add(const std::string&, __VA_ARGS__&,              \
                               const std::string&, const std::string&) const; \
  template Flag FlagGroup::add(const std::string&,                            \
                               std::optional<__VA_ARGS__>&,                   \
                               const std::string&, const std::string&) const; \
  template Flag FlagGroup::add(const std::string&, std::vector<__VA_ARGS__>&, \
                               const std::string&, const std::string&) const;
PILOTFISH_FLAG_TYPE(std::string)
PILOTFISH_FLAG_TYPE(int)
PILOTFISH_FLAG_TYPE(std::int64_t)
PILOTFISH_FLAG_TYPE(std::uint64_t)
PILOTFISH_FLAG_TYPE(double)
#undef PILOTFISH_FLAG_TYPE
template Flag FlagGroup::add_parsed(const std::string&,
                                    std::function<void(const std::string&)>,
                                    const std::string&,
                                    const std::string&) const;
template Flag FlagGroup::add_parsed(const std::string&,
                                    std::function<void(const std::int64_t&)>,
                                    const std::string&,
                                    const std::string&) const;
template Flag FlagGroup::add_positional(const std::string&, std::string&,
                                        const std::string&) const;
template Flag FlagGroup::add_positional(const std::string&,
                                        std::optional<std::string>&,
                                        const std::string&) const;

FlagGroup Command::group(std::string heading) const {
  return {app_, std::move(heading)};
}

Flag Command::flag(const std::string& name) const {
  return Flag(app_->get_option(name));
}

void Command::hide() const { app_->group(""); }

void Command::on_run(std::function<void()> action) const {
  app_->callback(std::move(action));
}

std::vector<GivenFlag> Command::given() const {
  std::vector<GivenFlag> flags;
  for (const CLI::Option* option : app_->get_options()) {
    if (option->count() == 0) continue;
    const bool is_switch = option->get_items_expected_max() == 0;
    flags.push_back(
        {option->get_single_name(), option->get_group(),
         is_switch ? std::vector<std::string>() : option->results()});
  }
  return flags;
}

CommandLine::CommandLine(const std::string& program,
                         const std::string& description,
                         const std::string& version)
    : summary_(description),
      version_(version),
      app_(std::make_unique<CLI::App>(description + "\n", program)) {
  app_->formatter(std::make_shared<HelpFormatter>());
  app_->set_help_flag("-h,--help", "This help");
  app_->set_version_flag("--version", program + " " + version);
  app_->require_subcommand(0, 1);
  app_->option_defaults()->multi_option_policy(
      CLI::MultiOptionPolicy::TakeLast);
}

CommandLine::~CommandLine() = default;

Command CommandLine::add_command(const std::string& name,
                                 const std::string& description) {
  return Command(app_->add_subcommand(name, description));
}

bool CommandLine::run(int argc, char** argv) {
  // Commands added after this one would have the footer too.
  app_->footer(app_->get_name() + " COMMAND --help explains a command.");
  try {
    app_->parse(reversed(argc, argv));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // they ask for help
      app_->exit(error);
      return true;
    }
    std::string command = app_->get_name();
    for (const CLI::App* named : app_->get_subcommands()) {
      command += " " + named->get_name();
    }
    throw UsageError(std::string(error.what()) + " (see " + command +
                     " --help)");
  }
  if (!app_->get_subcommands().empty()) return true;
  std::fputs(app_->help().c_str(), stderr);
  return false;
}

namespace {

std::vector<FlagDescription> flags_of(const CLI::App& app) {
  std::vector<FlagDescription> flags;
  for (const CLI::Option* option : app.get_options()) {
    FlagDescription flag;
    const auto& shorts = option->get_snames();
    const auto& longs = option->get_lnames();
    if (!shorts.empty()) flag.names.push_back("-" + shorts.front());
    if (!longs.empty()) flag.names.push_back("--" + longs.front());
    if (flag.names.empty()) {
      flag.names.push_back(option->get_name(true));
    } else if (option->get_items_expected_max() > 0) {
      flag.value = option->get_option_text();
    }
    flag.help = option->get_description();
    flag.heading = option->get_group();
    flags.push_back(std::move(flag));
  }
  return flags;
}

}  // namespace

ProgramDescription CommandLine::describe() const {
  ProgramDescription program;
  program.name = app_->get_name();
  program.summary = summary_;
  program.version = version_;
  program.flags = flags_of(*app_);
  for (const CLI::App* app : app_->get_subcommands(nullptr)) {
    if (app->get_group().empty()) continue;  // hidden
    program.commands.push_back(
        {app->get_name(), app->get_description(), flags_of(*app)});
  }
  return program;
}

}  // namespace pilotfish::cli
