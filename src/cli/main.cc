#include <exception>
#include <memory>
#include <new>
#include <string>

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/terminal.h"
#include "pilotfish/cluster.h"
#include "pilotfish/error.h"
#include "pilotfish/signals.h"

namespace pilotfish::cli {
namespace {

constexpr int kRuntimeError = 1;
constexpr int kUsageError = 2;

// One line on standard error, whatever the message holds.
int fail(int code, std::string message) {
  for (char& c : message) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  print_note("pilotfish: " + message);
  return code;
}

int run(int argc, char** argv) {
  CommandLine line("pilotfish",
                   "Speculative sampling for Llama-family language models.",
                   PILOTFISH_VERSION);
  add_generate(line);
  add_chat(line);
  add_serve(line);
  add_score(line);
  add_tokenize(line);
  add_render(line);
  add_schema(line);
  add_inspect(line);
  add_plan(line);
  add_sweep(line);
  add_selfcheck(line);
  add_bench(line);
  add_synth(line);
  add_trace(line);
  add_convert(line);
  add_shell_files(line);

  try {
    if (!line.run(argc, argv)) return kUsageError;
    return error_lost() ? kRuntimeError : 0;
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

// Runs the program, or on the other ranks of a cluster what serves it.
template <typename Program>
int run_as_rank(const Program& program) {
  std::unique_ptr<Cluster> cluster;
  try {
    cluster = Cluster::join();
  } catch (const std::exception& error) {
    return fail(kRuntimeError, error.what());
  }
  if (cluster && !cluster->is_first()) return cluster->follow();
  return program();
}

}  // namespace
}  // namespace pilotfish::cli

int main(int argc, char** argv) {
  pilotfish::cli::prepare_standard_streams();
  return pilotfish::cli::run_as_rank([&] {
    pilotfish::install_signal_handlers();
    return pilotfish::cli::run(argc, argv);
  });
}
