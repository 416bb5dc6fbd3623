#include "cli/flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <optional>
#include <sstream>
#include <utility>

#include "cli/arguments.h"
#include "cli/escapes.h"
#include "cli/flag_rules.h"
#include "cli/foreign_flags.h"
#include "cli/nearest_name.h"
#include "cli/program_description.h"
#include "cli/terminal.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

constexpr const char* kEscape = "--escape";
constexpr const char* kNoEscape = "--no-escape";

std::vector<std::string> dashed_names(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) {
    names.push_back("-" + name);
  }
  for (const std::string& name : option.get_lnames()) {
    names.push_back("--" + name);
  }
  return names;
}

// The first long name, else the short one, else a positional's name.
std::string shown_name(const CLI::Option& option) {
  if (!option.get_lnames().empty()) return "--" + option.get_lnames().front();
  if (!option.get_snames().empty()) return "-" + option.get_snames().front();
  return option.get_name(true);
}

bool is_switch(const CLI::Option& option) {
  return option.get_items_expected_max() == 0;
}

// llama.cpp's names for one of `names`, which have their dashes.
std::vector<std::string> foreign_names(const std::vector<std::string>& names) {
  std::vector<std::string> found;
  for (const ForeignFlag& foreign : foreign_flags()) {
    if (std::ranges::count(names, foreign.ours) == 0) continue;
    for (const auto name : names_in(foreign.names)) found.emplace_back(name);
  }
  return found;
}

KnownFlag known_flag(const CLI::Option& option, const FlagRegistry& registry) {
  const auto rules = registry.find(&option);
  KnownFlag flag{dashed_names(option), option.get_items_expected_min(),
                 option.get_items_expected_max(),
                 rules != registry.end() && rules->second.repeatable};
  std::rotate(flag.names.begin(),
              std::ranges::find(flag.names, shown_name(option)),
              flag.names.end());
  return flag;
}

KnownCommand known_command(const CLI::App& app, const std::string& name,
                           const FlagRegistry& registry) {
  KnownCommand command{name, {}, 0};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional() && option->nonpositional() == false) {
      ++command.positionals;
    } else {
      command.flags.push_back(known_flag(*option, registry));
    }
  }
  return command;
}

bool is_given(const CLI::App& app, const char* name) {
  const CLI::Option* option = app.get_option_no_throw(name);
  return option != nullptr && option->count() > 0;
}

// Reads what the backslashes in a flag's values stand for, where -e says so;
// where neither it nor --no-escape is given, a line says that they stay.
void read_escapes(const CLI::App& app, const std::string& flag,
                  std::vector<std::string>& values) {
  const bool escape = is_given(app, kEscape);
  for (std::string& value : values) {
    if (escape) {
      value = without_escapes(value);
    } else if (value.find("\\n") != std::string::npos &&
               !is_given(app, kNoEscape)) {
      print_note(fmt::format(
          "note: {}: \\n is taken as a backslash and an n; -e reads it as a "
          "line break (--no-escape: without this note)",
          flag));
      return;
    }
  }
}

constexpr size_t kWidth = 80;

// The words as lines that fit into kWidth columns, of which the first begins at
// `column`, the others with `start`, which leads to the same column.
std::string wrap(const std::vector<std::string>& words, size_t column,
                 const std::string& start) {
  std::string text;
  size_t end = column;
  for (const std::string& word : words) {
    const bool fits = end + 1 + word.size() <= kWidth;
    if (!text.empty()) text += fits ? " " : "\n" + start;
    end = (fits && !text.empty() ? end + 1 : column) + word.size();
    text += word;
  }
  return text;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

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
    // CLI11 itself leads the lines after the first to the column.
    return wrap(words_of(option->get_description()), kColumn, "");
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

  // llama.cpp's names for a command's flags.
  std::string make_footer(const CLI::App* app) const override {
    std::vector<std::string> words;
    for (const CLI::Option* option : app->get_options()) {
      const auto foreign = foreign_names(dashed_names(*option));
      if (foreign.empty()) continue;
      if (!words.empty()) words.back() += ',';
      words.insert(words.end(), foreign.begin(), foreign.end());
      words.push_back(fmt::format("({})", shown_name(*option)));
    }
    std::string text = Formatter::make_footer(app);
    if (words.empty()) return text;
    return fmt::format("{}llama.cpp's names are read too:\n  {}\n", text,
                       wrap(words, 2, "  "));
  }

 private:
  static constexpr size_t kColumn = 28;  // where descriptions begin
};

// -e and --no-escape, for a command with flags that have escapes.
void add_escape_flags(CLI::App& app, const FlagRegistry& registry) {
  for (const CLI::Option* option : app.get_options()) {
    const auto rules = registry.find(option);
    if (rules == registry.end() || !rules->second.has_escapes) continue;
    CLI::Option* escape =
        app.add_flag(std::string("-e,") + kEscape)
            ->description(
                "Read \\n, \\t, \\xHH and the like in texts on the "
                "command line");
    CLI::Option* none =
        app.add_flag(kNoEscape)->description("Take them as they are (default)");
    escape->group(option->get_group())->excludes(none);
    none->group(option->get_group());
    return;
  }
}

void refuse_without_effect(const CLI::App& app, const FlagRegistry& registry) {
  for (const CLI::Option* option : app.get_options()) {
    const auto rules = registry.find(option);
    if (rules == registry.end() || option->count() == 0) continue;
    for (const FlagRules::Need& need : rules->second.needs) {
      if (need.met()) continue;
      throw UsageError(fmt::format("{} has no effect without {}",
                                   shown_name(*option), need.what));
    }
  }
}

// The arguments of the program in a form that CLI11 takes.
std::vector<std::string> arguments_of(
    const CLI::App& program, const FlagRegistry& registry,
    const std::vector<std::string>& arguments) {
  const std::string& name = program.get_name();
  if (arguments.empty() || arguments.front().starts_with('-')) {
    return plain_arguments(known_command(program, name, registry), arguments);
  }
  const std::string& command = arguments.front();
  std::vector<std::string> names;
  for (const CLI::App* app : program.get_subcommands(nullptr)) {
    names.push_back(app->get_name());
    if (names.back() != command) continue;
    std::vector<std::string> plain =
        plain_arguments(known_command(*app, name + " " + command, registry),
                        std::span(arguments).subspan(1));
    plain.insert(plain.begin(), command);
    return plain;
  }
  const std::string nearest = nearest_name(command, names);
  throw UsageError(fmt::format(
      "{} is not a command{} (see {} --help)", command,
      nearest.empty() ? "" : fmt::format("; is it {}?", nearest), name));
}

// The value of each type that a flag can have, out of its texts.
template <typename T>
void assign(T& target, const std::string& flag,
            const std::vector<std::string>& values, const FlagRules& rules) {
  target = parse_value<T>(flag, values.front(), rules);
}

template <typename T>
void assign(std::optional<T>& target, const std::string& flag,
            const std::vector<std::string>& values, const FlagRules& rules) {
  target = parse_value<T>(flag, values.front(), rules);
}

template <typename T>
void assign(std::vector<T>& target, const std::string& flag,
            const std::vector<std::string>& values, const FlagRules& rules) {
  target.clear();
  for (const std::string& value : values) {
    target.push_back(parse_value<T>(flag, value, rules));
  }
}

}  // namespace

Flag& Flag::required() {
  option_->required();
  return *this;
}

Flag& Flag::excludes(const Flag& other) {
  option_->excludes(other.option_);
  return *this;
}

Flag& Flag::needs(const std::vector<Flag>& others) {
  std::vector<std::string> names;
  for (const Flag& other : others) names.push_back(other.name());
  return needs(fmt::format("{}", fmt::join(names, " or ")), [others] {
    return std::ranges::any_of(others, [](const Flag& other) {
      return other.given() ||
             std::ranges::any_of(other.rules_->stand_ins,
                                 [](const auto& given) { return given(); });
    });
  });
}

Flag& Flag::stands_for(const Flag& other) {
  other.rules_->stand_ins.push_back([*this] { return given(); });
  return *this;
}

Flag& Flag::implied() {
  rules_->stand_ins.push_back([] { return true; });
  return *this;
}

Flag& Flag::needs(std::string what, std::function<bool()> met) {
  rules_->needs.push_back({std::move(what), std::move(met)});
  return *this;
}

Flag& Flag::may_be_empty() {
  rules_->may_be_empty = true;
  return *this;
}

Flag& Flag::comma_separated() {
  rules_->comma_separated = true;
  return *this;
}

Flag& Flag::repeatable() {
  rules_->repeatable = true;
  option_->description(option_->get_description() + " (repeatable)");
  return *this;
}

Flag& Flag::takes(int fewest, int most) {
  rules_->takes_several = true;
  option_->expected(fewest, most);
  return *this;
}

Flag& Flag::in_range(std::int64_t smallest, std::int64_t largest) {
  rules_->range = {smallest, largest};
  return *this;
}

Flag& Flag::offers(std::vector<std::string> values) {
  rules_->offered = std::move(values);
  return *this;
}

Flag& Flag::has_escapes() {
  rules_->has_escapes = true;
  return *this;
}

bool Flag::given() const { return option_->count() > 0; }

std::string Flag::name() const { return shown_name(*option_); }

Flag FlagGroup::declare(const std::string& names, const std::string& value,
                        const std::string& help, Take take) const {
  const std::string first = names.substr(0, names.find(','));
  const CLI::callback_t parse = [first, take = std::move(take), app = app_,
                                 registry = registry_](const CLI::results_t&) {
    const CLI::Option* option = app->get_option(first);
    const FlagRules& rules = registry->at(option);
    const std::string flag = shown_name(*option);
    auto values = values_of(flag, option->results(), rules);
    if (rules.has_escapes) read_escapes(*app, flag, values);
    take(flag, values, rules);
    return true;
  };
  CLI::Option* option = app_->add_option(names, parse, help);
  option->option_text(value)->group(heading_)->allow_extra_args(false);
  return {option, &(*registry_)[option]};
}

template <typename T>
Flag FlagGroup::add(const std::string& names, T& target,
                    const std::string& value, const std::string& help) const {
  return declare(
      names, value, help,
      [&target](const std::string& flag, const std::vector<std::string>& values,
                const FlagRules& rules) {
        assign(target, flag, values, rules);
      });
}

template <typename T>
Flag FlagGroup::add_parsed(const std::string& names,
                           std::function<void(const T&)> take,
                           const std::string& value,
                           const std::string& help) const {
  return declare(
      names, value, help,
      [take = std::move(take)](const std::string& flag,
                               const std::vector<std::string>& values,
                               const FlagRules& rules) {
        take(parse_value<T>(flag, values.front(), rules));
      });
}

template <typename T>
Flag FlagGroup::add_positional(const std::string& name, T& target,
                               const std::string& help) const {
  return add(name, target, " ", help);  // its name says enough
}

Flag FlagGroup::add_switch(const std::string& names, bool& target,
                           const std::string& help) const {
  CLI::Option* option = app_->add_flag(names, target, help)->group(heading_);
  return {option, &(*registry_)[option]};
}

Flag FlagGroup::add_switch(const std::string& names,
                           std::function<void()> given,
                           const std::string& help) const {
  CLI::Option* option =
      app_->add_flag_callback(names, std::move(given), help)->group(heading_);
  return {option, &(*registry_)[option]};
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
  return {app_, registry_, std::move(heading)};
}

Flag Command::flag(const std::string& name) const {
  CLI::Option* option = app_->get_option(name);
  return {option, &(*registry_)[option]};
}

void Command::hide() const { app_->group(""); }

void Command::on_run(std::function<void()> action) const {
  add_escape_flags(*app_, *registry_);
  app_->callback(
      [app = app_, registry = registry_, action = std::move(action)] {
        refuse_without_effect(*app, *registry);
        action();
      });
}

std::vector<GivenFlag> Command::given() const {
  std::vector<GivenFlag> flags;
  for (const CLI::Option* option : app_->get_options()) {
    if (option->count() == 0) continue;
    flags.push_back(
        {option->get_single_name(), option->get_group(),
         is_switch(*option) ? std::vector<std::string>() : option->results()});
  }
  return flags;
}

CommandLine::CommandLine(const std::string& program,
                         const std::string& description,
                         const std::string& version)
    : summary_(description),
      version_(version),
      app_(std::make_unique<CLI::App>(description + "\n", program)),
      registry_(std::make_unique<FlagRegistry>()) {
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
  return {app_->add_subcommand(name, description), registry_.get()};
}

bool CommandLine::run(int argc, char** argv) {
  // Commands added after this one would have the footer too.
  app_->footer(app_->get_name() + " COMMAND --help explains a command.");
  std::vector<std::string> arguments =
      arguments_of(*app_, *registry_, {argv + std::min(argc, 1), argv + argc});
  std::ranges::reverse(arguments);  // as CLI11 takes them
  try {
    app_->parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    write_out(app_->help());
    return true;
  } catch (const CLI::CallForVersion&) {
    write_out(app_->version() + "\n");
    return true;
  } catch (const CLI::ParseError& error) {
    std::string command = app_->get_name();
    for (const CLI::App* named : app_->get_subcommands()) {
      command += " " + named->get_name();
    }
    throw UsageError(std::string(error.what()) + " (see " + command +
                     " --help)");
  }
  if (!app_->get_subcommands().empty()) return true;
  write_error(app_->help());
  return false;
}

namespace {

std::vector<FlagDescription> flags_of(const CLI::App& app,
                                      const FlagRegistry& registry) {
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
    const auto rules = registry.find(option);
    if (rules != registry.end()) flag.choices = rules->second.offered;
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
  program.flags = flags_of(*app_, *registry_);
  for (const CLI::App* app : app_->get_subcommands(nullptr)) {
    if (app->get_group().empty()) continue;  // hidden
    program.commands.push_back(
        {app->get_name(), app->get_description(), flags_of(*app, *registry_)});
  }
  return program;
}

}  // namespace pilotfish::cli
