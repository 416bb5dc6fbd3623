#include "pilotfish/lab/convert.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/options.h"

namespace pilotfish::cli {
namespace {

struct Options {
  std::string from;
  std::string to;
  std::string dtype;
};

}  // namespace

void add_convert(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "convert", "From Hugging Face folder to GGUF file and back");
  const auto options = std::make_shared<Options>();
  command->add_option("from", options->from, "Folder or GGUF file to read")
      ->option_text(" ")
      ->required();
  command
      ->add_option("to", options->to, "GGUF file (*.gguf) or folder to write")
      ->option_text(" ")
      ->required();
  command
      ->add_option("--dtype", options->dtype,
                   "Store matrices as f32, f16, bf16 or, in GGUF, q8_0 or q4_0 "
                   "(default: as they are)")
      ->option_text("TYPE");
  command->callback([options] {
    convert(options->from, options->to,
            {.dtype = dtype_of("--dtype", options->dtype)});
  });
}

}  // namespace pilotfish::cli
