#include "cli/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>
#include <vector>

#include "cli/shell_word.h"

namespace pilotfish::cli {
namespace {

// Shells show a line per flag: the help up to the first remark, without a
// condition in front, as in "With --chat: a system message".
std::string short_help(std::string_view help) {
  for (const std::string_view lead : {"With ", "For ", "JSON: "}) {
    const size_t colon = help.find(": ");
    if (!help.starts_with(lead) || colon == std::string_view::npos) continue;
    help.remove_prefix(colon + 2);
    break;
  }
  std::string text(help.substr(0, help.find_first_of(";:(")));
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

// With a backslash before each character of `special`.
std::string with_backslashes(std::string_view text, std::string_view special) {
  std::string result;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

std::vector<std::string> flag_names(const std::vector<FlagDescription>& flags) {
  std::vector<std::string> names;
  for (const FlagDescription& flag : flags) {
    if (flag.is_positional()) continue;
    names.insert(names.end(), flag.names.begin(), flag.names.end());
  }
  return names;
}

std::vector<std::string> command_names(
    const std::vector<CommandDescription>& commands) {
  std::vector<std::string> names;
  for (const CommandDescription& command : commands) {
    names.push_back(command.name);
  }
  return names;
}

std::string bash_command(const CommandDescription& command) {
  std::string text =
      fmt::format("    {})\n      flags={}\n", command.name,
                  shell_quoted(fmt::format(
                      "{}", fmt::join(flag_names(command.flags), " "))));
  text += "      case $previous in\n";
  for (const FlagDescription& flag : command.flags) {
    if (flag.is_positional() || flag.value.empty()) continue;
    text += fmt::format("        {}) ", fmt::join(flag.names, "|"));
    if (!flag.choices.empty()) {
      text += fmt::format(
          "kind=words words={}",
          shell_quoted(fmt::format("{}", fmt::join(flag.choices, " "))));
    } else {
      text += flag.takes_files() ? "kind=files" : "kind=text";
    }
    text += " ;;\n";
  }
  return text + "      esac ;;\n";
}

constexpr std::string_view kBashHead = R"(_pilotfish() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local flags= words= kind=
  COMPREPLY=()
  # --flag=value comes in three words.
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=${COMP_WORDS[COMP_CWORD-2]}
  fi
)";

constexpr std::string_view kBashTail = R"(  esac
  if [[ -z $kind ]]; then
    if [[ $current == -* ]]; then kind=words words=$flags; else kind=files; fi
  fi
  case $kind in
    words) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current") ;;
    files)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
  esac
}
complete -F _pilotfish pilotfish
)";

// zsh's _arguments: '(-p --prompt)'{-p,--prompt}'[help]:TEXT:_files'
std::string zsh_flag(const FlagDescription& flag) {
  std::string action;
  if (!flag.choices.empty()) {
    action = fmt::format(":{}:({})", flag.value, fmt::join(flag.choices, " "));
  } else if (flag.is_positional()) {
    return "'*:" + flag.names.front() + ":_files'";
  } else if (!flag.value.empty()) {
    action = fmt::format(":{}:{}", with_backslashes(flag.value, ":"),
                         flag.takes_files() ? "_files" : " ");
  }
  const std::string rest = shell_quoted(
      "[" + with_backslashes(short_help(flag.help), "[]:\\") + "]" + action);
  if (flag.names.size() == 1) return flag.names.front() + rest;
  return fmt::format("'({})'{{{}}}{}", fmt::join(flag.names, " "),
                     fmt::join(flag.names, ","), rest);
}

std::string zsh_arguments(const std::vector<FlagDescription>& flags) {
  std::string text = "_arguments";
  for (const FlagDescription& flag : flags) {
    text += " \\\n      " + zsh_flag(flag);
  }
  return text;
}

std::string fish_quoted(std::string_view text) {
  return "'" + with_backslashes(text, "'\\") + "'";
}

std::string fish_flag(const std::string& condition,
                      const FlagDescription& flag) {
  std::string text = fmt::format("complete -c pilotfish -n {}", condition);
  for (const std::string& name : flag.names) {
    if (name.starts_with("--")) {
      text += " -l " + name.substr(2);
    } else {
      text += (name.size() == 2 ? " -s " : " -o ") + name.substr(1);
    }
  }
  if (!flag.choices.empty()) {
    text += " -x -a " +
            shell_quoted(fmt::format("{}", fmt::join(flag.choices, " ")));
  } else if (!flag.value.empty()) {
    text += flag.takes_files() ? " -r -F" : " -x";
  }
  return text + " -d " + fish_quoted(short_help(flag.help)) + "\n";
}

}  // namespace

std::string bash_completion(const ProgramDescription& program) {
  std::string text =
      "# Completion for bash, made by `pilotfish completion bash`.\n";
  text += kBashHead;
  text += fmt::format(
      "  if ((COMP_CWORD == 1)); then\n"
      "    mapfile -t COMPREPLY < <(compgen -W '{} {}' -- \"$current\")\n"
      "    return\n  fi\n  case ${{COMP_WORDS[1]}} in\n",
      fmt::join(command_names(program.commands), " "),
      fmt::join(flag_names(program.flags), " "));
  for (const CommandDescription& command : program.commands) {
    text += bash_command(command);
  }
  text += kBashTail;
  return text;
}

std::string zsh_completion(const ProgramDescription& program) {
  std::string text =
      "#compdef pilotfish\n"
      "# Completion for zsh, made by `pilotfish completion zsh`.\n"
      "local -a commands=(\n";
  for (const CommandDescription& command : program.commands) {
    text += "  " +
            shell_quoted(command.name + ":" +
                         with_backslashes(command.summary, ":\\")) +
            "\n";
  }
  text += fmt::format(
      ")\nif (( CURRENT == 2 )); then\n"
      "  _describe command commands\n  {}\n  return\nfi\n"
      "local command=$words[2]\nshift words\n(( CURRENT-- ))\n"
      "case $command in\n",
      zsh_arguments(program.flags));
  for (const CommandDescription& command : program.commands) {
    text += fmt::format("  {})\n    {} ;;\n", command.name,
                        zsh_arguments(command.flags));
  }
  return text + "esac\n";
}

std::string fish_completion(const ProgramDescription& program) {
  std::string text =
      "# Completion for fish, made by `pilotfish completion fish`.\n";
  for (const FlagDescription& flag : program.flags) {
    text += fish_flag("__fish_use_subcommand", flag);
  }
  for (const CommandDescription& command : program.commands) {
    text += fmt::format(
        "complete -c pilotfish -n __fish_use_subcommand -f -a {} -d {}\n",
        command.name, fish_quoted(command.summary));
    for (const FlagDescription& flag : command.flags) {
      if (flag.is_positional()) continue;
      text +=
          fish_flag("'__fish_seen_subcommand_from " + command.name + "'", flag);
    }
  }
  return text;
}

}  // namespace pilotfish::cli
