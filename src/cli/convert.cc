#include "pilotfish/lab/convert.h"

#include <fmt/format.h>

#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/dtype_flags.h"
#include "cli/flags.h"
#include "cli/terminal.h"
#include "pilotfish/model_path.h"

namespace pilotfish::cli {
namespace {

struct ConvertFlags {
  std::string from;
  std::string to;
  std::string dtype;
  bool strict_dtype = false;
  bool force = false;
};

void run_convert(const ConvertFlags& flags) {
  const ConvertNotes notes = convert(find_model(flags.from), flags.to,
                                     {.dtype = dtype_of("--dtype", flags.dtype),
                                      .strict_dtype = flags.strict_dtype,
                                      .overwrite = flags.force});
  for (const std::string& note : notes) print_note("note: " + note);
}

}  // namespace

void add_convert(CommandLine& line) {
  Command command = line.add_command(
      "convert", "From Hugging Face folder to GGUF file and back");
  const auto options = std::make_shared<ConvertFlags>();
  const FlagGroup group = command.group();
  group
      .add_positional("from", options->from,
                      "Folder or GGUF file to read, or ORG/NAME in the Hugging "
                      "Face cache")
      .required();
  group
      .add_positional("to", options->to,
                      "GGUF file (*.gguf) or folder to write")
      .required();
  add_dtype_flag(group, "--dtype", options->dtype,
                 "Store matrices as f32, f16, bf16 or, in GGUF, q8_0 or q4_0 "
                 "(default: as they are)");
  group.add_switch("--strict-dtype", options->strict_dtype,
                   "Refuse a matrix whose columns do not fill whole blocks of "
                   "that type (default: it is stored in bf16)");
  group.add_switch("--force", options->force,
                   "Replace a GGUF file that is there already");
  command.on_run([options] { run_convert(*options); });
}

}  // namespace pilotfish::cli
