#include "pilotfish/lab/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cli/bench_network.h"
#include "cli/bench_report.h"
#include "cli/commands.h"
#include "cli/dtype_flags.h"
#include "cli/flags.h"
#include "cli/model_flag.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "pilotfish/error.h"
#include "pilotfish/inspect.h"

namespace pilotfish::cli {
namespace {

struct BenchFlags {
  std::string model;
  std::string draft;  // empty or "none": no speculation
  std::string dtype;
  std::string draft_dtype;
  std::string kv_dtype = "f16";
  std::vector<int> threads = {0};
  BenchOptions bench;
  bool network = false;
  bool json = false;
  bool csv = false;
  bool markdown = false;
};

PlannedModel plan_of(const std::string& path, std::optional<DType> dtype) {
  const ModelDescription description = inspect_model(path);
  return dtype ? planned_model(path, description.config, *dtype)
               : planned_model(description);
}

bool has_draft(const BenchFlags& options) {
  return !options.draft.empty() && options.draft != "none";
}

void check_bench(const BenchFlags& options) {
  if (options.json + options.csv + options.markdown > 1) {
    throw UsageError("expected one of --json, --csv and --markdown");
  }
  if (options.bench.synthetic_acceptance && !has_draft(options)) {
    throw UsageError("--synthetic-acceptance needs a draft, -d MODEL");
  }
}

// Measures with each number of threads in turn.
std::vector<BenchReport> measure(const BenchFlags& options,
                                 BenchSubject& subject) {
  const auto dtype = dtype_of("--dtype", options.dtype);
  const auto draft_dtype = dtype_of("--draft-dtype", options.draft_dtype);
  const PlannedModel plan = plan_of(options.model, dtype);
  subject.dtype = dtype_name(plan.dtype);
  if (has_draft(options)) {
    subject.draft = options.draft;
    subject.draft_dtype = dtype_name(plan_of(options.draft, draft_dtype).dtype);
  }
  std::vector<BenchReport> runs;
  for (const int count : options.threads) {
    LoadOptions load;
    load.threads = start_threads(count);
    load.dtype = dtype;
    const auto target = load_model(options.model, "loading the target", load);
    load.dtype = draft_dtype;
    const auto draft =
        has_draft(options)
            ? load_model(options.draft, "loading the draft", load)
            : nullptr;
    Progress progress(
        fmt::format("measuring with {} threads", thread_count(*load.threads)));
    BenchOptions bench_options = subject.options;
    bench_options.progress = [&](double done) { progress.update(done); };
    runs.push_back(bench(target, plan, draft, *load.threads, bench_options));
  }
  return runs;
}

void run_bench(const BenchFlags& options) {
  BenchSubject subject{.model = options.model, .options = options.bench};
  subject.options.kv_dtype = kv_dtype_of(options.kv_dtype);
  const std::vector<BenchReport> runs = measure(options, subject);
  if (options.json) {
    write_out(bench_json(subject, runs));
  } else if (options.csv) {
    write_out(bench_csv(subject, runs));
  } else {
    write_out(bench_markdown(subject, runs));
  }
}

void add_bench_models(Command& command, BenchFlags& options) {
  const FlagGroup group = command.group("Model");
  add_model_flag(group, options.model);
  const Flag draft = group.add("-d,--draft", options.draft, "MODEL",
                               "A draft, to measure speculation too, or none");
  add_dtype_flag(
      group, "--dtype", options.dtype,
      "Convert the weights on loading: bf16, f16, f32, q8_0 or q4_0");
  add_dtype_flag(group, "--draft-dtype", options.draft_dtype,
                 "As --dtype, for the draft")
      .needs({draft});
  add_kv_dtype_flag(group, options.kv_dtype);
  group
      .add("-t,--threads", options.threads, "N,..",
           "Threads to compute with, several in turn (default: one per "
           "processor)")
      .comma_separated();
}

void add_measurement_options(Command& command, BenchFlags& options) {
  BenchOptions& bench = options.bench;
  const FlagGroup group = command.group("Measurements");
  group.add("-p,--prompt-tokens", bench.prompt_tokens, "N",
            "Tokens to prefill (default 512; 0: no prefill)");
  group.add("-n,--generate-tokens", bench.generate_tokens, "N",
            "Tokens to generate (default 128; 0: no decoding)");
  group.add(
      "--context", bench.context, "N",
      "Tokens in the cache when passes are timed and decoding begins (default "
      "64)");
  group
      .add("--rows", bench.rows, "M,..",
           "Rows of the passes to time (default 2 to 16 and 32)")
      .comma_separated();
  group
      .add(
          "--contexts", bench.contexts, "N,..",
          "Also time a pass over one row after each of these numbers of tokens")
      .comma_separated();
  group
      .add("-k,--windows", bench.windows, "K,..",
           "Windows to decode with where there is a draft (default 5)")
      .comma_separated()
      .needs({command.flag("--draft")});
  group.add(
      "--synthetic-acceptance", bench.synthetic_acceptance, "R",
      "Accept drafted tokens with probability R (default: decode greedily)");
  group.add("-r,--repetitions", bench.repetitions, "N",
            "Measurements of each figure (default 5)");
}

}  // namespace

void add_bench(CommandLine& line) {
  Command command = line.add_command(
      "bench", "Speed of a model here, compared with what the machine can do");
  const auto options = std::make_shared<BenchFlags>();
  add_bench_models(command, *options);
  add_measurement_options(command, *options);
  const FlagGroup output = command.group("Output");
  output.add_switch("--markdown", options->markdown,
                    "Markdown tables (default)");
  output.add_switch("--csv", options->csv, "One figure per line");
  output.add_switch("--json", options->json, "One JSON object");
  Flag network = command.group("Measurements")
                           .add_switch("--network", options->network,
                                       "Measure gathers between the processes "
                                       "that mpirun has started, instead of a "
                                       "model; plan --network reads the JSON");
  for (const char* flag : {"--model", "--draft", "--csv"}) {
    network.excludes(command.flag(flag));
  }
  command.on_run([options] {
    check_bench(*options);
    if (options->network) {
      write_out(network_report(options->json));
      return;
    }
    options->model = target_path(options->model);
    options->draft = draft_path(options->draft);
    run_bench(*options);
  });
}

}  // namespace pilotfish::cli
