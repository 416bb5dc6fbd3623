#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "cli/help.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

constexpr int kRuntimeError = 1;
constexpr int kUsageError = 2;

// One line on standard error, whatever the message holds.
int fail(int code, std::string message) {
  for (char& c : message) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  fmt::print(stderr, "pilotfish: {}\n", message);
  return code;
}

// The arguments in reverse, as CLI11 takes them. llama.cpp's -md is read as
// --model-draft: CLI11 has no short names of two letters.
std::vector<std::string> arguments(int argc, char** argv) {
  std::vector<std::string> reversed;
  for (int i = argc - 1; i > 0; --i) {
    const std::string_view argument = argv[i];
    reversed.emplace_back(argument == "-md" ? "--model-draft" : argument);
  }
  return reversed;
}

int run(int argc, char** argv) {
  CLI::App app("Speculative sampling for Llama-family language models.\n",
               "pilotfish");
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_help_flag("-h,--help", "This help");
  app.set_version_flag("--version", "pilotfish " PILOTFISH_VERSION);
  app.require_subcommand(0, 1);
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  add_generate(app);
  add_chat(app);
  add_score(app);
  add_tokenize(app);
  add_inspect(app);
  add_plan(app);
  add_sweep(app);
  add_selfcheck(app);
  add_bench(app);
  add_synth(app);
  add_trace(app);
  add_convert(app);
  app.footer("pilotfish COMMAND --help explains a command.");

  try {
    app.parse(arguments(argc, argv));
    if (app.get_subcommands().empty()) {
      fmt::print(stderr, "{}", app.help());
      return kUsageError;
    }
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    std::string help = "pilotfish";
    for (const CLI::App* command : app.get_subcommands()) {
      help += " " + command->get_name();
    }
    return fail(kUsageError,
                fmt::format("{} (see {} --help)", error.what(), help));
  } catch (const UsageError& error) {
    return fail(kUsageError, error.what());
  } catch (const std::bad_alloc&) {
    return fail(kRuntimeError,
                "not enough memory; a smaller --n-positions or --dtype takes "
                "less");
  } catch (const std::exception& error) {
    return fail(kRuntimeError, error.what());
  }
}

}  // namespace
}  // namespace pilotfish::cli

int main(int argc, char** argv) {
  // A reader that went away (`| head`) ends the program without a word, even
  // where the parent had SIGPIPE ignored.
  std::signal(SIGPIPE, SIG_DFL);
  return pilotfish::cli::run(argc, argv);
}
