#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/plan_report.h"
#include "cli/planner.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "pilotfish/lab/shapes.h"

namespace pilotfish::cli {
namespace {

struct Options : PlanOptions {
  bool list_shapes = false;
  bool json = false;
};

void print_shapes() {
  write_out(fmt::format("{:<18}{:>10} {:>7} {:>7} {:>11} {:>11}\n", "shape",
                        "parameters", "layers", "hidden", "vocabulary",
                        "positions"));
  for (const Shape& shape : shapes()) {
    const ModelConfig& config = shape.config;
    write_out(fmt::format(
        "{:<18}{:>8.2f} B {:>7} {:>7} {:>11} {:>11}\n", shape.name,
        static_cast<double>(config.parameters()) / 1e9, config.n_layers(),
        config.hidden_size, config.vocab_size, config.n_positions));
  }
}

void run(const Options& options) {
  if (options.list_shapes) return print_shapes();
  const Plan plan = make_plan(options);
  write_out(options.json ? dump(plan_json(plan)) : plan_text(plan));
}

void add_model_options(CLI::App& app, Options& options) {
  const std::string group = "Models";
  const auto add = [&](const char* names, auto& value, const char* text,
                       const std::string& description) {
    app.add_option(names, value, description)->option_text(text)->group(group);
  };
  add("-m,--target,--model", options.target, "MODEL",
      "A shape (llama-2-70b), a Hugging Face folder or a GGUF file");
  add("-d,--draft,--model-draft", options.draft, "MODEL",
      "The draft, likewise, or none");
  add("--dtype", options.dtype, "TYPE",
      "How weights are stored: bf16 (default of shapes), f16, f32, q8_0, q4_0, "
      "q4_k, ... (default of files: as they are)");
  add("--draft-dtype", options.draft_dtype, "TYPE",
      "As --dtype, for the draft (default: as the target)");
  add("--kv-dtype", options.kv_dtype, "TYPE", kv_dtype_help());
  add("-c,--n-positions,--ctx-size", options.n_positions, "N",
      "Memory for sequences of N tokens (default 4096, or the model's own)");
  add("--sequences", options.sequences, "N",
      "Sequences decoded together (default 1)");
  add("--context", options.context, "N",
      "Tokens that each holds when it is timed (default: half of "
      "--n-positions)");
  app.add_flag("--shapes", options.list_shapes, "List the known shapes")
      ->group(group);
}

void add_machine_options(CLI::App& app, Options& options) {
  const std::string group = "Machine (default: this one, measured)";
  const auto add = [&](const char* names, auto& value, const char* text,
                       const char* description) {
    app.add_option(names, value, description)->option_text(text)->group(group);
  };
  add("--memory", options.memory, "GB", "Memory it has, in 10^9 bytes");
  add("--bandwidth", options.bandwidth, "GB/S",
      "What it reads from memory, in 10^9 bytes a second");
  add("--flops", options.flops, "TFLOP/S",
      "What it computes, in 10^12 a second; without, arithmetic is free");
  add("--measured-tpot", options.measured_tpot, "T,D",
      "Milliseconds a token of target and draft, measured somewhere");
  add("--verify-cost", options.verify_cost, "K=V,..",
      "Measured v(k): a target pass over k rows, in passes over one");
  add("--hourly-price", options.hourly_price, "PRICE",
      "What it costs an hour, in any currency");
  add("-t,--threads", options.threads, "N",
      "Threads to measure with (default: one a processor)");
}

}  // namespace

void add_plan(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "plan", "Memory, speed and cost before there is a model or a machine");
  const auto options = std::make_shared<Options>();
  add_model_options(*command, *options);
  add_machine_options(*command, *options);
  const std::string speculation = "Speculation";
  command
      ->add_option("--acceptance", options->acceptance,
                   "Probability that a drafted token is accepted (default 0.8)")
      ->option_text("A")
      ->group(speculation);
  command
      ->add_option("--max-window", options->max_window,
                   "Largest window k to look at (default 16)")
      ->option_text("K")
      ->group(speculation);
  command->add_flag("--json", options->json, "One JSON object")
      ->group("Output");
  command->callback([options] { run(*options); });
}

}  // namespace pilotfish::cli
