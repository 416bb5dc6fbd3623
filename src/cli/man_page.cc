#include "cli/man_page.h"

#include <fmt/format.h>

#include <cctype>
#include <string_view>

namespace pilotfish::cli {
namespace {

// Text that roff prints as it is.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
  }
  if (result.starts_with('.') || result.starts_with('\'')) {
    result.insert(0, "\\&");
  }
  return result;
}

std::string upper(std::string text) {
  for (char& c : text) {
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return text;
}

std::string header(const ProgramDescription& program, const std::string& name,
                   const std::string& summary, const std::string& date) {
  return fmt::format(
      ".TH \"{}\" \"1\" \"{}\" \"{} {}\" \"User Commands\"\n"
      ".SH NAME\n{} \\- {}\n",
      escaped(upper(name)), date, program.name, program.version, escaped(name),
      escaped(summary));
}

// A flag with its names in bold and its value in italics.
std::string term(const FlagDescription& flag) {
  std::string text;
  for (const std::string& name : flag.names) {
    if (!text.empty()) text += ", ";
    text += fmt::format("\\f{}{}\\fR", flag.is_positional() ? 'I' : 'B',
                        escaped(name));
  }
  if (!flag.value.empty()) {
    text += fmt::format(" \\fI{}\\fR", escaped(flag.value));
  }
  return text;
}

std::string entry(const std::string& term, const std::string& text) {
  return fmt::format(".TP\n{}\n{}\n", term, escaped(text));
}

std::string options(const std::vector<FlagDescription>& flags) {
  std::string text = ".SH OPTIONS\n";
  std::string heading;
  for (const FlagDescription& flag : flags) {
    if (flag.heading != heading) {
      heading = flag.heading;
      text += fmt::format(".SS {}\n", escaped(heading));
    }
    text += entry(term(flag), flag.help);
  }
  return text;
}

constexpr std::string_view kEnvironment = R"(.SH ENVIRONMENT
.TP
.B PILOTFISH_ISA
The instruction set to compute with instead of the fastest one: scalar, avx2,
avx_vnni, avx512, avx512_vnni or avx512_bf16.
.TP
.B HF_HUB_CACHE, HF_HOME
Where models that were downloaded from Hugging Face are looked for.
.TP
.B NO_COLOR
Where it is set, nothing is coloured.
)";

constexpr std::string_view kExitStatus = R"(.SH EXIT STATUS
0 for success, 2 for a mistake on the command line, 1 for any other failure.
)";

}  // namespace

std::string man_page(const ProgramDescription& program,
                     const std::string& date) {
  std::string text = header(program, program.name, program.summary, date);
  text += fmt::format(
      ".SH SYNOPSIS\n.B {0}\n\\fICOMMAND\\fR [\\fIOPTION\\fR]...\n"
      ".SH DESCRIPTION\n"
      "A small draft model proposes tokens, the target model checks them in "
      "one\n"
      "pass, and the text keeps the distribution that the target alone gives.\n"
      ".SH COMMANDS\n",
      program.name);
  for (const CommandDescription& command : program.commands) {
    text += entry(fmt::format("\\fB{}\\fR(1)",
                              escaped(program.name + "-" + command.name)),
                  command.summary);
  }
  text += options(program.flags);
  text += kEnvironment;
  text += kExitStatus;
  return text;
}

std::string man_page(const ProgramDescription& program,
                     const CommandDescription& command,
                     const std::string& date) {
  std::string text =
      header(program, program.name + "-" + command.name, command.summary, date);
  text += fmt::format(".SH SYNOPSIS\n.B {} {}\n[\\fIOPTION\\fR]...",
                      escaped(program.name), escaped(command.name));
  for (const FlagDescription& flag : command.flags) {
    if (flag.is_positional()) text += " [" + term(flag) + "]";
  }
  text += "\n" + options(command.flags);
  text += kExitStatus;
  text += fmt::format(".SH SEE ALSO\n.BR {} (1)\n", escaped(program.name));
  return text;
}

}  // namespace pilotfish::cli
