#include "pilotfish/lab/synth.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/dtype_flags.h"
#include "cli/flags.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "pilotfish/error.h"
#include "pilotfish/inspect.h"

namespace pilotfish::cli {
namespace {

struct SynthFlags {
  std::string shape;
  std::string out;
  std::vector<std::string> pair;  // target, draft
  std::string dtype = "q4_0";
  std::string draft_dtype;
  std::uint64_t seed = 0;
  std::int64_t layers = 0;  // 0: all
  double agreement = 0.8;
  std::int64_t draft_layers = 2;
  int threads = 0;
  bool force = false;
};

std::vector<std::string> shape_names() {
  std::vector<std::string> names;
  for (const Shape& shape : shapes()) names.push_back(shape.name);
  return names;
}

Shape shape_of(const SynthFlags& options) {
  const Shape* known = find_shape(options.shape);
  if (known == nullptr) {
    throw UsageError(
        fmt::format("--shape: \"{}\" is not a known shape; pilotfish plan "
                    "--shapes lists them",
                    options.shape));
  }
  Shape shape = *known;
  if (options.layers < 0 || options.layers > shape.config.n_layers()) {
    throw UsageError(fmt::format("--layers: found {}, expected 1 to {}",
                                 options.layers, shape.config.n_layers()));
  }
  if (options.layers > 0) shape.config.keep_layers(options.layers);
  return shape;
}

void check_synth(const SynthFlags& options, bool pair_flags) {
  if (options.out.empty() == options.pair.empty()) {
    throw UsageError(
        "expected either -o FILE.gguf or --pair TARGET.gguf DRAFT.gguf");
  }
  if (pair_flags && options.pair.empty()) {
    throw UsageError(
        "--agreement, --draft-layers and --draft-dtype go with --pair");
  }
  if (options.pair.size() == 1) {
    throw UsageError(
        fmt::format("--pair: found {} alone, expected TARGET.gguf DRAFT.gguf",
                    options.pair[0]));
  }
  std::vector<std::string> files = options.pair;
  if (!options.out.empty()) files.push_back(options.out);
  for (const std::string& file : files) {
    if (std::filesystem::path(file).extension() == ".gguf") continue;
    throw UsageError(
        fmt::format("{}: expected a name that ends in .gguf", file));
  }
}

void print_file(const std::string& path) {
  const ModelDescription model = inspect_model(path);
  write_out(fmt::format("{:<14}{} ({} layers, {} parameters, {} of {})\n",
                        "wrote", path, model.config.n_layers(),
                        parameters_text(model.parameters),
                        format_bytes(model.weight_bytes),
                        dtype_name(model.totals.front().dtype)));
}

void print_pair(const PairReport& report, const SynthFlags& options) {
  print_file(options.pair[0]);
  print_file(options.pair[1]);
  write_out(fmt::format(
      "{:<14}{:.3f} of {} tokens of the target's own greedy texts; asked for "
      "{}\n",
      "agreement", report.agreement, report.tokens, options.agreement));
  write_out(
      fmt::format("{:<14}{:.3f} of neighbouring tokens are pairs that "
                  "had not occurred\n",
                  "variety", report.fresh_pairs));
  write_out(
      fmt::format("{:<14}{:.4g} times the output projections from layer "
                  "{} on\n",
                  "scale", report.scale, options.draft_layers + 1));
}

void run_synth(const SynthFlags& options) {
  const Shape shape = shape_of(options);
  const auto threads = start_threads(options.threads);
  SynthOptions synth{.dtype = dtype_of("--dtype", options.dtype).value(),
                     .seed = options.seed,
                     .threads = threads,
                     .overwrite = options.force};
  if (options.pair.empty()) {
    {
      Progress progress("writing " + shape.name);
      synth.progress = [&](double done) { progress.update(done); };
      synthesise(shape, options.out, synth);
    }
    print_file(options.out);
    return;
  }
  PairReport report;
  {
    Progress progress("searching for the scale");
    synth.progress = [&](double done) { progress.update(done); };
    report = synthesise_pair(
        shape, options.pair[0], options.pair[1], synth,
        {.agreement = options.agreement,
         .draft_layers = options.draft_layers,
         .draft_dtype = dtype_of("--draft-dtype", options.draft_dtype)});
  }
  print_pair(report, options);
}

}  // namespace

void add_synth(CommandLine& line) {
  Command command = line.add_command(
      "synth", "Write a model with random weights, to measure speed with");
  const auto options = std::make_shared<SynthFlags>();
  const FlagGroup model = command.group("Model");
  model
      .add("--shape", options->shape, "NAME",
           "tinyllama-1.1b, llama-2-7b, ...; pilotfish plan --shapes lists "
           "them")
      .offers(shape_names())
      .required();
  model.add("-o,--output", options->out, "FILE", "GGUF file (*.gguf) to write");
  add_dtype_flag(model, "--dtype", options->dtype,
                 "Store matrices as q4_0 (default), q8_0, bf16, f16 or f32");
  model.add("--layers", options->layers, "N",
            "Only the first N of the shape's layers (default: all)");
  add_seed_flag(model, options->seed, "Same seed, same file (default 0)");
  model.add("-t,--threads", options->threads, "N",
            "Threads to compute with (default: one per processor)");
  model.add_switch("--force", options->force,
                   "Replace files that are there already");
  const FlagGroup pair = command.group("Pair");
  pair.add("--pair", options->pair, "TARGET DRAFT",
           "Write two GGUF files instead: a target, and its first layers as "
           "draft")
      .takes(1, 2);  // of one, check_synth says what is missing
  const std::vector<Flag> pair_flags = {
      pair.add("--agreement", options->agreement, "A",
               "How often the draft shall guess the target's next token "
               "(default 0.8)"),
      pair.add("--draft-layers", options->draft_layers, "N",
               "Layers of the draft (default 2)"),
      add_dtype_flag(pair, "--draft-dtype", options->draft_dtype,
                     "As --dtype, for the draft (default: as the target)")};
  command.on_run([options, pair_flags] {
    bool given = false;
    for (const Flag& flag : pair_flags) given |= flag.given();
    check_synth(*options, given);
    run_synth(*options);
  });
}

}  // namespace pilotfish::cli
