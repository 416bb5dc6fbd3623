#include "cli/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <string_view>

#include "cli/foreign_flags.h"
#include "cli/nearest_name.h"
#include "cli/numbers.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

class ArgumentReader {
 public:
  ArgumentReader(const KnownCommand& command,
                 std::span<const std::string> arguments)
      : command_(command), arguments_(arguments) {}

  std::vector<std::string> read() {
    while (next_ < arguments_.size()) {
      const std::string& argument = arguments_[next_++];
      if (argument == "--") {
        while (next_ < arguments_.size()) add_positional(arguments_[next_++]);
      } else if (argument.size() > 1 && argument.front() == '-') {
        read_flag(argument);
      } else {
        add_positional(argument);
      }
    }
    if (!positionals_.empty()) plain_.emplace_back("--");
    plain_.insert(plain_.end(), positionals_.begin(), positionals_.end());
    return std::move(plain_);
  }

 private:
  void add_positional(const std::string& argument) {
    if (positionals_.size() == command_.positionals) {
      refuse(fmt::format("\"{}\" is one argument too many{}", argument,
                         command_.positionals > 0
                             ? "; a text of several words needs quotes"
                             : ""));
    }
    positionals_.push_back(argument);
  }

  void read_flag(const std::string& argument) {
    const size_t equals = std::min(argument.find('='), argument.size());
    std::string name = argument.substr(0, equals);
    std::optional<std::string> value;
    if (equals < argument.size()) value = argument.substr(equals + 1);

    const KnownFlag* flag = find(name);
    if (flag == nullptr && has_number_attached(argument)) {
      name = argument.substr(0, 2);
      value = argument.substr(2);
      flag = find(name);
    }
    if (flag == nullptr) flag = &foreign(name);
    take_values(*flag, name, value);
  }

  const KnownFlag* find(std::string_view name) const {
    const auto found =
        std::ranges::find_if(command_.flags, [&](const KnownFlag& flag) {
          return std::ranges::count(flag.names, name) > 0;
        });
    return found == command_.flags.end() ? nullptr : &*found;
  }

  // Whether it is like -n5 or -n-1.
  bool has_number_attached(const std::string& argument) const {
    const KnownFlag* flag = find(argument.substr(0, 2));
    return flag != nullptr && flag->fewest_values > 0 &&
           std::isdigit(static_cast<unsigned char>(argument.back())) != 0 &&
           parse_number<double>(std::string_view(argument).substr(2));
  }

  // The flag that llama.cpp's users mean by `name`.
  const KnownFlag& foreign(const std::string& name) {
    const ForeignFlag* entry = find_foreign_flag(name);
    if (entry == nullptr) refuse_unknown(name);
    if (const KnownFlag* flag = find(entry->ours)) return *flag;
    if (!entry->advice.empty()) {
      refuse(fmt::format("{} is llama.cpp's: {}", name, entry->advice));
    }
    refuse(fmt::format("{} is llama.cpp's name for {}, which {} does not take",
                       name, entry->ours, command_.name));
  }

  void take_values(const KnownFlag& flag, const std::string& name,
                   std::optional<std::string> value) {
    std::vector<std::string> values;
    if (flag.most_values == 0 && value) {
      refuse(fmt::format("{} takes no value (found \"{}\")", name, *value));
    }
    if (value) values.push_back(*value);
    const auto has = [&](int count) {
      return values.size() >= static_cast<size_t>(count);
    };
    while (!has(flag.fewest_values)) {
      if (next_ == arguments_.size()) {
        refuse(fmt::format("{} needs a value", name));
      }
      values.push_back(arguments_[next_++]);
    }
    while (!has(flag.most_values) && next_ < arguments_.size() &&
           !arguments_[next_].starts_with('-')) {
      values.push_back(arguments_[next_++]);
    }
    refuse_contradiction(flag, name, values);
    plain_.push_back(flag.names.front());
    plain_.insert(plain_.end(), values.begin(), values.end());
  }

  // -ctk and -ctv are two things for llama.cpp and one here.
  void refuse_contradiction(const KnownFlag& flag, const std::string& name,
                            const std::vector<std::string>& values) {
    if (flag.repeatable || std::ranges::count(flag.names, name) > 0) return;
    const auto [before, is_new] =
        foreign_.try_emplace(&flag, Given{name, values});
    if (is_new || before->second.name == name ||
        before->second.values == values) {
      return;
    }
    refuse(fmt::format("{} and {} are both {} here, and differ",
                       before->second.name, name, flag.names.front()));
  }

  [[noreturn]] void refuse_unknown(const std::string& name) const {
    std::vector<std::string> names;
    for (const KnownFlag& flag : command_.flags) {
      names.insert(names.end(), flag.names.begin(), flag.names.end());
    }
    for (const ForeignFlag& flag : foreign_flags()) {
      if (find(flag.ours) == nullptr) continue;
      for (const auto other : names_in(flag.names)) names.emplace_back(other);
    }
    const std::string nearest = nearest_name(name, names);
    refuse(fmt::format(
        "{} is not a flag of {}{}", name, command_.name,
        nearest.empty() ? "" : fmt::format("; is it {}?", nearest)));
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw UsageError(fmt::format("{} (see {} --help)", what, command_.name));
  }

  struct Given {
    std::string name;
    std::vector<std::string> values;
  };

  const KnownCommand& command_;
  std::span<const std::string> arguments_;
  size_t next_ = 0;
  std::vector<std::string> plain_;
  std::vector<std::string> positionals_;
  std::map<const KnownFlag*, Given> foreign_;  // by llama.cpp's names
};

}  // namespace

std::vector<std::string> plain_arguments(
    const KnownCommand& command, std::span<const std::string> arguments) {
  return ArgumentReader(command, arguments).read();
}

}  // namespace pilotfish::cli
