#ifndef PILOTFISH_CLI_COMMANDS_H_
#define PILOTFISH_CLI_COMMANDS_H_

namespace CLI {
class App;
}

namespace pilotfish::cli {

// Each adds its subcommand, which runs when the command line has been parsed.
// They throw UsageError and Error like the library.
void add_generate(CLI::App& app);
void add_chat(CLI::App& app);
void add_score(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_inspect(CLI::App& app);
void add_plan(CLI::App& app);
void add_sweep(CLI::App& app);
void add_selfcheck(CLI::App& app);
void add_synth(CLI::App& app);
void add_bench(CLI::App& app);
void add_trace(CLI::App& app);
void add_convert(CLI::App& app);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_COMMANDS_H_
