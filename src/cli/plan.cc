#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "cli/dtype_flags.h"
#include "cli/flag_rules.h"
#include "cli/flags.h"
#include "cli/model_flag.h"
#include "cli/numbers.h"
#include "cli/plan_report.h"
#include "cli/rank_curve_report.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "pilotfish/error.h"
#include "pilotfish/lab/network.h"
#include "pilotfish/lab/plan_ranks.h"
#include "pilotfish/lab/planner.h"
#include "pilotfish/lab/shapes.h"

namespace pilotfish::cli {
namespace {

// As the flags give them.
struct PlanFlags {
  std::string target;
  std::string draft;  // empty or "none": no speculation
  std::string dtype;
  std::string draft_dtype;
  std::string kv_dtype = "f16";
  std::int64_t n_positions = 0;
  std::int64_t sequences = 1;
  std::optional<std::int64_t> context;
  std::optional<double> memory;     // GB
  std::optional<double> bandwidth;  // GB/s
  std::optional<double> flops;      // TFLOP/s
  std::string measured_tpot;        // "20.6,3.7", in ms
  std::string verify_cost;          // "2=1.1,4=1.3"
  std::optional<double> acceptance;
  std::int64_t max_window = 16;
  std::optional<double> hourly_price;
  int threads = 0;
  std::int64_t sockets = 1;
  std::string ranks;  // "8" or "1..64"
  std::string network;
  std::string tp_draft = "all";
  double jitter = 0;
  std::uint64_t seed = 0;
  bool list_shapes = false;
  bool json = false;
};

constexpr double kGigabyte = 1e9;
constexpr double kTera = 1e12;

double parse_figure(std::string_view flag, std::string_view text,
                    std::string_view whole, std::string_view expected) {
  const auto value = parse_number<double>(text);
  if (!value || !std::isfinite(*value) || *value <= 0) {
    throw UsageError(
        fmt::format("{}: found \"{}\", expected {}", flag, whole, expected));
  }
  return *value;
}

// The target's time, and the draft's where there is one.
PassSeconds parse_tpot(const std::string& text, bool has_draft) {
  constexpr std::string_view kFlag = "--measured-tpot";
  const std::string_view expected =
      has_draft ? "the target's and the draft's milliseconds, as in 20.6,3.7"
                : "the target's milliseconds, as in 20.6";
  std::vector<double> seconds;
  for (const std::string& part : split_at_commas(text)) {
    seconds.push_back(parse_figure(kFlag, part, text, expected) / 1e3);
  }
  if (seconds.size() != (has_draft ? 2 : 1)) {
    throw UsageError(
        fmt::format("{}: found \"{}\", expected {}", kFlag, text, expected));
  }
  return {seconds.front(), has_draft ? seconds.back() : 0};
}

std::map<std::int64_t, double> parse_verify_cost(const std::string& text) {
  constexpr std::string_view kExpected =
      "windows from 2 with their v(k), as in 2=1.05,4=1.1,8=1.3";
  constexpr std::string_view kFlag = "--verify-cost";
  std::map<std::int64_t, double> costs;
  for (const std::string& part : split_at_commas(text)) {
    const size_t equals = std::min(part.find('='), part.size());
    const double window =
        parse_figure(kFlag, part.substr(0, equals), text, kExpected);
    const double cost = parse_figure(
        kFlag, part.substr(std::min(equals + 1, part.size())), text, kExpected);
    if (window < 2 || window > 1e6 || window != std::floor(window)) {
      throw UsageError(
          fmt::format("{}: found \"{}\", expected {}", kFlag, text, kExpected));
    }
    costs[static_cast<std::int64_t>(window)] = cost;
  }
  return costs;
}

// `value` in `unit`s of a figure that is above 0.
double scaled(std::string_view flag, double value, double unit) {
  constexpr double kHuge = 1e9;
  if (value > 0 && value <= kHuge) return value * unit;
  throw UsageError(
      fmt::format("{}: found {}, expected a number above 0", flag, value));
}

// One number of ranks, or from one to another.
void set_ranks(const std::string& text, RankOptions& options) {
  const size_t dots = text.find("..");
  const auto fewest = parse_number<int>(text.substr(0, dots));
  const auto most = dots == std::string::npos
                        ? fewest
                        : parse_number<int>(text.substr(dots + 2));
  if (!fewest || !most || *fewest < 1 || *most > kMostRanks ||
      *fewest > *most) {
    throw UsageError(fmt::format(
        "--ranks: found \"{}\", expected a number from 1 to {}, or two as in "
        "1..{}",
        text, kMostRanks, kMostRanks));
  }
  options.fewest = *fewest;
  options.most = *most;
}

Network network_of(const std::string& name) {
  if (auto known = Network::find(name)) return *std::move(known);
  std::error_code ignored;
  if (std::filesystem::exists(name, ignored)) return Network::read(name);
  throw UsageError(fmt::format(
      "--network: found \"{}\", expected {} or a file that bench --network "
      "--json wrote",
      name, fmt::join(Network::names(), ", ")));
}

RankOptions rank_options_of(const PlanFlags& flags) {
  RankOptions options;
  set_ranks(flags.ranks, options);
  if (!flags.network.empty()) {
    options.network = network_of(flags.network);
  } else if (options.most > 1) {
    throw UsageError(fmt::format(
        "--ranks: more than one needs --network: {} or a file that bench "
        "--network --json wrote",
        fmt::join(Network::names(), ", ")));
  }
  if (flags.tp_draft != "1" && flags.tp_draft != "all") {
    throw UsageError(fmt::format("--tp-draft: found \"{}\", expected 1 or all",
                                 flags.tp_draft));
  }
  options.split_draft = flags.tp_draft == "all";
  options.jitter = {flags.jitter, flags.seed};
  return options;
}

// What is known of the machine.
void set_machine(const PlanFlags& options, PlanRequest& request) {
  if (options.memory) {
    request.memory_bytes =
        std::llround(scaled("--memory", *options.memory, kGigabyte));
  }
  if (options.bandwidth) {
    request.machine.emplace().bytes_per_second =
        scaled("--bandwidth", *options.bandwidth, kGigabyte);
  }
  if (options.flops) {
    if (!request.machine) {
      throw UsageError(
          "--flops needs --bandwidth: a pass takes the longer of reading and "
          "computing");
    }
    request.machine->flops_per_second =
        scaled("--flops", *options.flops, kTera);
  }
  request.sockets = static_cast<int>(options.sockets);
  if (!options.measured_tpot.empty()) {
    request.pass_seconds =
        parse_tpot(options.measured_tpot, !request.draft.empty());
  }
  if (!options.verify_cost.empty()) {
    request.verify = parse_verify_cost(options.verify_cost);
  }
}

std::string model_or_shape(const std::string& name) {
  return find_shape(name) != nullptr ? name : target_path(name);
}

void set_dtype(std::string_view flag, const std::string& name,
               std::optional<DType>& dtype, bool& q4_k_m) {
  q4_k_m = name == "q4_k_m" || name == "Q4_K_M";
  dtype = q4_k_m ? DType::kQ4_K : dtype_of(flag, name);
}

PlanRequest request_of(const PlanFlags& options) {
  PlanRequest request;
  request.target = model_or_shape(options.target);
  if (!options.draft.empty() && options.draft != "none") {
    request.draft = model_or_shape(options.draft);
  }
  set_dtype("--dtype", options.dtype, request.dtype, request.q4_k_m);
  set_dtype("--draft-dtype", options.draft_dtype, request.draft_dtype,
            request.draft_q4_k_m);
  request.kv_dtype = kv_dtype_of(options.kv_dtype);
  request.n_positions = options.n_positions;
  request.sequences = options.sequences;
  request.context = options.context;
  set_machine(options, request);
  request.acceptance = options.acceptance;
  request.max_window = options.max_window;
  request.hourly_price = options.hourly_price;
  request.threads = options.threads;
  request.load = [](const std::string& path, std::string_view role,
                    const LoadOptions& load_options) {
    return load_model(path, fmt::format("loading the {} model", role),
                      load_options);
  };
  return request;
}

void warn_of_vocabularies(const Plan& plan) {
  if (!plan.vocabularies_differ) return;
  const PlannedModel& target = plan.target.model;
  const PlannedModel& draft = plan.draft->model;
  print_note(fmt::format(
      "note: {} has a vocabulary of {}, {} one of {}; a draft needs the "
      "target's tokenizer",
      target.name, target.config.vocab_size, draft.name,
      draft.config.vocab_size));
}

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

void run_plan(const PlanFlags& options) {
  if (options.list_shapes) return print_shapes();
  const PlanRequest request = request_of(options);
  std::optional<RankOptions> ranks;  // checked before anything is measured
  if (!options.ranks.empty()) ranks = rank_options_of(options);
  const Plan whole = make_plan(request);
  warn_of_vocabularies(whole);
  if (!ranks) {
    return write_out(options.json ? plan_json(whole) : plan_text(whole));
  }
  const std::vector<Plan> plans = plan_over_ranks(whole, *ranks);
  if (options.ranks.find("..") != std::string::npos) {
    write_out(options.json ? rank_curve_json(plans) : rank_curve_text(plans));
  } else {
    const Plan& plan = plans.front();
    write_out(options.json ? plan_json(plan) : plan_text(plan));
  }
}

void add_model_options(Command& command, PlanFlags& options) {
  const FlagGroup group = command.group("Models");
  const Flag target =
      add_model_flag(group, options.target, "-m,--target,--model",
                     "A shape (llama-2-70b), Hugging Face folder or GGUF file");
  const Flag draft = group.add("-d,--draft", options.draft, "MODEL",
                               "The draft, likewise, or none");
  add_dtype_flag(
      group, "--dtype", options.dtype,
      "How weights are stored: bf16 (default of shapes), f16, f32, q8_0, q4_0, "
      "q4_k, q4_k_m, ... (default of files: as they are)");
  add_dtype_flag(group, "--draft-dtype", options.draft_dtype,
                 "As --dtype, for the draft (default: as the target)")
      .needs({draft});
  add_kv_dtype_flag(group, options.kv_dtype);
  group.add(
      "-c,--n-positions", options.n_positions, "N",
      "Memory for sequences of N tokens (default 4096, or the model's own)");
  group.add("--sequences", options.sequences, "N",
            "Sequences decoded together (default 1)");
  group.add("--context", options.context, "N",
            "Tokens that each holds when it is timed (default: half of "
            "--n-positions)");
  group.add_switch("--shapes", options.list_shapes, "List the known shapes")
      .excludes(target);
}

void add_machine_options(Command& command, PlanFlags& options) {
  const FlagGroup group =
      command.group("Machine (default: this one, measured)");
  group.add("--memory", options.memory, "GB", "Memory it has, in 10^9 bytes");
  group.add("--bandwidth", options.bandwidth, "GB/S",
            "Its memory bandwidth, in 10^9 bytes per second");
  group.add("--flops", options.flops, "TFLOP/S",
            "Its arithmetic, in 10^12 operations per second; without it, "
            "arithmetic is taken as free");
  group
      .add("--sockets", options.sockets, "N",
           "Sockets it has, each with that bandwidth and arithmetic (default "
           "1)")
      .in_range(1, 8)
      .needs({command.flag("--bandwidth")});
  group.add("--measured-tpot", options.measured_tpot, "T,D",
            "Milliseconds per token of target and draft, measured elsewhere");
  group
      .add("--verify-cost", options.verify_cost, "K=V,..",
           "Measured v(k): the time of a target pass over k rows divided by "
           "that of one over a single row")
      .needs({command.flag("--draft")});
  group.add("--hourly-price", options.hourly_price, "PRICE",
            "What it costs per hour, in any currency; with --ranks, one of "
            "them");
  group
      .add("-t,--threads", options.threads, "N",
           "Threads to measure with (default: one per processor)")
      .needs(
          "something to measure, as there is without --bandwidth and "
          "--measured-tpot",
          [&options] {
            return !options.bandwidth && options.measured_tpot.empty();
          });
}

void add_rank_options(Command& command, PlanFlags& options) {
  const FlagGroup group = command.group("Ranks");
  const Flag ranks =
      group.add("--ranks", options.ranks, "N|A..B",
                "Split the models over N ranks, each a machine as above (1 to "
                "64); A..B: one line for each number of ranks");
  group
      .add("--network", options.network, "NAME|FILE",
           fmt::format("What they exchange results over: {}, or a file that "
                       "bench --network --json wrote",
                       fmt::join(Network::names(), ", ")))
      .needs({ranks})
      .offers(Network::names());
  group
      .add("--tp-draft", options.tp_draft, "1|all",
           "The ranks that hold the draft: the first, which has it whole, or "
           "all (default)")
      .needs({ranks})
      .needs({command.flag("--draft")})
      .offers({"1", "all"});
  const Flag jitter =
      group
          .add(
              "--jitter", options.jitter, "J",
              "Simulate ranks that compute up to J times their time longer, at "
              "random (default 0)")
          .needs({ranks});
  group.add("-s,--seed", options.seed, "S", "Seed of that (default 0)")
      .needs({jitter});
}

}  // namespace

void add_plan(CommandLine& line) {
  Command command = line.add_command(
      "plan", "Memory, speed and cost, before you have a model or a machine");
  const auto options = std::make_shared<PlanFlags>();
  add_model_options(command, *options);
  add_machine_options(command, *options);
  add_rank_options(command, *options);
  const FlagGroup speculation = command.group("Speculation");
  const Flag draft = command.flag("--draft");
  speculation
      .add("--acceptance", options->acceptance, "A",
           "Probability that a drafted token is accepted (default 0.8)")
      .needs({draft});
  speculation
      .add("--max-window", options->max_window, "K",
           "Largest window k to look at (default 16)")
      .needs({draft});
  command.group("Output").add_switch("--json", options->json,
                                     "One JSON object");
  command.on_run([options] { run_plan(*options); });
}

}  // namespace pilotfish::cli
