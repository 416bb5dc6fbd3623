#include "pilotfish/lab/convert.h"

#include <fmt/format.h>

#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/options.h"

namespace pilotfish::cli {
namespace {

struct ConvertFlags {
  std::string from;
  std::string to;
  std::string dtype;
};

}  // namespace

void add_convert(CommandLine& line) {
  Command command = line.add_command(
      "convert", "From Hugging Face folder to GGUF file and back");
  const auto options = std::make_shared<ConvertFlags>();
  const FlagGroup group = command.group();
  group.add_positional("from", options->from, "Folder or GGUF file to read")
      .required();
  group
      .add_positional("to", options->to,
                      "GGUF file (*.gguf) or folder to write")
      .required();
  group.add("--dtype", options->dtype, "TYPE",
            "Store matrices as f32, f16, bf16 or, in GGUF, q8_0 or q4_0 "
            "(default: as they are)");
  command.on_run([options] {
    convert(options->from, options->to,
            {.dtype = dtype_of("--dtype", options->dtype)});
  });
}

}  // namespace pilotfish::cli
