#ifndef PILOTFISH_CLI_COMMANDS_H_
#define PILOTFISH_CLI_COMMANDS_H_

namespace pilotfish::cli {

class CommandLine;

// Each adds its command, which runs when the command line has been parsed. They
// throw UsageError and Error like the library.
void add_generate(CommandLine& line);
void add_chat(CommandLine& line);
void add_serve(CommandLine& line);
void add_score(CommandLine& line);
void add_tokenize(CommandLine& line);
void add_render(CommandLine& line);
void add_schema(CommandLine& line);
void add_inspect(CommandLine& line);
void add_plan(CommandLine& line);
void add_sweep(CommandLine& line);
void add_selfcheck(CommandLine& line);
void add_synth(CommandLine& line);
void add_bench(CommandLine& line);
void add_trace(CommandLine& line);
void add_convert(CommandLine& line);
void add_shell_files(CommandLine& line);  // hidden: man, completion

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_COMMANDS_H_
