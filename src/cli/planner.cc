#include "cli/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/options.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "pilotfish/error.h"
#include "pilotfish/lab/machine.h"
#include "pilotfish/lab/shapes.h"

namespace pilotfish::cli {
namespace {

constexpr double kGiga = 1e9;
constexpr std::int64_t kDefaultPositions = 4096;

// A model as the command line names it: a shape, or files.
struct Named {
  PlannedModel model;
  bool is_file = false;
  std::int64_t n_positions = 0;
};

void check_range(std::string_view flag, double value, double min, double max,
                 std::string_view expected) {
  if (std::isfinite(value) && value >= min && value <= max) return;
  throw UsageError(
      fmt::format("{}: found {}, expected {}", flag, value, expected));
}

void check(const PlanOptions& options) {
  constexpr double kTiny = 1e-9;
  constexpr double kHuge = 1e12;
  const auto above_zero = [&](std::string_view flag,
                              std::optional<double> value) {
    if (value) check_range(flag, *value, kTiny, kHuge, "a number above 0");
  };
  above_zero("--memory", options.memory);
  above_zero("--bandwidth", options.bandwidth);
  above_zero("--flops", options.flops);
  if (options.hourly_price) {
    check_range("--hourly-price", *options.hourly_price, 0, kHuge,
                "a number from 0");
  }
  if (options.acceptance) {
    check_range("--acceptance", *options.acceptance, 0, 1,
                "a probability from 0 to 1");
  }
  check_range("--max-window", static_cast<double>(options.max_window), 1, 64,
              "1 to 64");
  if (options.flops && !options.bandwidth) {
    throw UsageError(
        "--flops needs --bandwidth: a pass takes the longer of reading and "
        "computing");
  }
}

double parse_number(std::string_view flag, std::string_view text,
                    std::string_view whole, std::string_view expected) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value) ||
      value <= 0) {
    throw UsageError(
        fmt::format("{}: found \"{}\", expected {}", flag, whole, expected));
  }
  return value;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// In seconds: the target's, and the draft's where there is one.
std::vector<double> parse_tpot(const std::string& text, bool has_draft) {
  const std::string_view expected =
      has_draft ? "the target's and the draft's milliseconds, as in 20.6,3.7"
                : "the target's milliseconds, as in 20.6";
  std::vector<double> seconds;
  for (const std::string_view part : split(text)) {
    seconds.push_back(parse_number("--measured-tpot", part, text, expected) /
                      1e3);
  }
  if (seconds.size() != (has_draft ? 2 : 1)) {
    throw UsageError(fmt::format("--measured-tpot: found \"{}\", expected {}",
                                 text, expected));
  }
  return seconds;
}

std::map<std::int64_t, double> parse_verify_cost(const std::string& text) {
  constexpr std::string_view kExpected =
      "windows from 2 with their v(k), as in 2=1.05,4=1.1,8=1.3";
  constexpr std::string_view kFlag = "--verify-cost";
  std::map<std::int64_t, double> costs;
  for (const std::string_view part : split(text)) {
    const size_t equals = std::min(part.find('='), part.size());
    const double window =
        parse_number(kFlag, part.substr(0, equals), text, kExpected);
    const double cost = parse_number(
        kFlag, part.substr(std::min(equals + 1, part.size())), text, kExpected);
    if (window < 2 || window > 1e6 || window != std::floor(window)) {
      throw UsageError(
          fmt::format("{}: found \"{}\", expected {}", kFlag, text, kExpected));
    }
    costs[static_cast<std::int64_t>(window)] = cost;
  }
  return costs;
}

// What lies on the disk goes before a shape of the same name.
Named find_model(std::string_view flag, const std::string& name,
                 std::optional<DType> dtype) {
  std::error_code ignored;
  if (std::filesystem::exists(name, ignored)) {
    const ModelDescription description = inspect_model(name);
    return {dtype ? planned_model(name, description.config, *dtype)
                  : planned_model(description),
            true, description.config.n_positions};
  }
  const Shape* shape = find_shape(name);
  if (shape == nullptr) {
    throw UsageError(fmt::format(
        "{}: \"{}\" is neither a model's folder or file nor a known shape; "
        "pilotfish plan --shapes lists those",
        flag, name));
  }
  return {
      planned_model(shape->name, shape->config, dtype.value_or(DType::kBF16)),
      false, shape->config.n_positions};
}

// Makes a Plan, step by step.
class Planner {
 public:
  explicit Planner(const PlanOptions& options) : options_(options) {}

  Plan make() {
    find_models();
    set_workload();
    estimate_memory();
    check_context();
    find_speed();
    if (!options_.verify_cost.empty()) {
      plan_.costs.verify = verify_costs(parse_verify_cost(options_.verify_cost),
                                        options_.max_window);
      plan_.verify_source = "given";
    }
    plan_.acceptance = options_.acceptance.value_or(0.8);
    plan_.acceptance_given = options_.acceptance.has_value();
    plan_.hourly_price = options_.hourly_price;
    return std::move(plan_);
  }

 private:
  bool has_draft() const { return plan_.draft.has_value(); }
  const std::string& draft_dtype() const {
    return options_.draft_dtype.empty() ? options_.dtype : options_.draft_dtype;
  }

  // Files, and not asked for in a type that loading does not convert to.
  static bool is_loadable(const Named& named, const std::string& dtype) {
    using enum DType;
    constexpr DType kConverted[] = {kF32, kF16, kBF16, kQ8_0, kQ4_0};
    if (!named.is_file || dtype.empty()) return named.is_file;
    return std::find(std::begin(kConverted), std::end(kConverted),
                     named.model.dtype) != std::end(kConverted);
  }

  void find_models() {
    target_ = find_model("--target", options_.target,
                         dtype_of("--dtype", options_.dtype));
    plan_.target.model = target_.model;
    if (options_.draft.empty() || options_.draft == "none") return;
    draft_ = find_model("--draft", options_.draft,
                        dtype_of("--draft-dtype", draft_dtype()));
    plan_.draft.emplace();
    plan_.draft->model = draft_.model;
    warn_of_vocabularies();
  }

  // Vocabularies of one tokenizer differ by padding alone.
  void warn_of_vocabularies() const {
    constexpr std::int64_t kPadding = 1024;
    const std::int64_t target = target_.model.config.vocab_size;
    const std::int64_t draft = draft_.model.config.vocab_size;
    if (std::abs(target - draft) <= kPadding) return;
    print_note(fmt::format(
        "note: {} has a vocabulary of {}, {} one of {}; a draft needs the "
        "target's tokenizer",
        target_.model.name, target, draft_.model.name, draft));
  }

  void set_workload() {
    Workload& workload = plan_.workload;
    workload.kv_dtype = kv_dtype_of(options_.kv_dtype);
    workload.sequences = options_.sequences;
    workload.n_positions = options_.n_positions;
    if (options_.n_positions == 0) {
      workload.n_positions = std::min(kDefaultPositions, target_.n_positions);
      if (has_draft()) {
        workload.n_positions =
            std::min(workload.n_positions, draft_.n_positions);
      }
    }
    workload.context = options_.context.value_or(workload.n_positions / 2);
  }

  // After the memory's own check of positions and sequences.
  void check_context() const {
    const Workload& workload = plan_.workload;
    if (workload.context < 0 || workload.context > workload.n_positions) {
      throw UsageError(fmt::format(
          "--context: found {}, expected 0 to the {} of --n-positions",
          workload.context, workload.n_positions));
    }
  }

  void estimate_memory() {
    const auto estimate = [&](ModelPlan& part) {
      part.memory =
          memory_needed(part.model.config, part.model.weight_bytes,
                        plan_.workload.n_positions, plan_.workload.sequences,
                        plan_.workload.kv_dtype);
    };
    estimate(plan_.target);
    if (has_draft()) estimate(*plan_.draft);
    if (options_.memory) {
      plan_.memory_bytes = std::llround(*options_.memory * kGiga);
      plan_.memory_source = "given";
    }
  }

  void find_speed() {
    const bool has_tpot = !options_.measured_tpot.empty();
    if (options_.bandwidth) {
      MachineSpeed machine{.bytes_per_second = *options_.bandwidth * kGiga};
      if (options_.flops) machine.flops_per_second = *options_.flops * 1e12;
      use_roofline(machine);
      describe_given_roofline();
    }
    if (has_tpot) use_measured_tpot();
    if (!options_.bandwidth && !has_tpot) measure();
  }

  void use_roofline(const MachineSpeed& machine) {
    const auto apply = [&](ModelPlan& part) {
      part.roofline = pass_time(part.model, plan_.workload, machine, 1);
      part.pass_seconds = part.roofline->seconds();
    };
    apply(plan_.target);
    if (!has_draft()) return;
    apply(*plan_.draft);
    plan_.costs = roofline_costs(target_.model, draft_.model, plan_.workload,
                                 machine, options_.max_window);
  }

  void describe_given_roofline() {
    plan_.speed_source =
        fmt::format("the roofline of {:.6g} GB/s", *options_.bandwidth);
    if (options_.flops) {
      plan_.speed_source += fmt::format(" and {:.6g} TFLOP/s", *options_.flops);
      plan_.verify_source = "of the roofline";
    } else {
      plan_.speed_source += ", arithmetic taken as free";
      plan_.verify_source =
          "1, verification taken as free (--flops, --verify-cost)";
    }
    plan_.speed_note = with_context();
  }

  std::string with_context() const {
    return fmt::format("with {} tokens in the cache", plan_.workload.context);
  }

  void use_measured_tpot() {
    const auto seconds = parse_tpot(options_.measured_tpot, has_draft());
    plan_.speed_source = "times a token as given";
    plan_.speed_note.clear();
    plan_.target.pass_seconds = seconds.front();
    plan_.target.roofline.reset();
    if (!has_draft()) return;
    plan_.draft->pass_seconds = seconds.back();
    plan_.draft->roofline.reset();
    plan_.costs.draft = seconds.back() / seconds.front();
    if (!plan_.costs.verify.empty()) return;  // the roofline's
    plan_.costs.verify = verify_costs({}, options_.max_window);
    plan_.verify_source =
        "1, verification taken as free (--verify-cost, --flops)";
  }

  void measure() {
    if (!plan_.memory_bytes) {
      plan_.memory_bytes = machine_memory_bytes();
      plan_.memory_source = "in this machine";
    }
    const auto threads = make_threads(options_.threads);
    const bool both = is_loadable(target_, options_.dtype) &&
                      (!has_draft() || is_loadable(draft_, draft_dtype()));
    if (both && plan_.memory_needed() <= machine_memory_bytes()) {
      measure_models(threads);
    } else {
      measure_memory(*threads);
    }
  }

  // Real passes.
  void measure_models(const std::shared_ptr<ThreadTeam>& threads) {
    const auto load = [&](const std::string& path, std::string_view label,
                          const std::string& dtype) {
      LoadOptions load_options;
      load_options.dtype = dtype_of("--dtype", dtype);
      load_options.threads = threads;
      load_options.n_positions = plan_.workload.context + options_.max_window;
      return load_model(path, label, load_options);
    };
    const auto target =
        load(options_.target, "loading the target model", options_.dtype);
    const auto draft =
        has_draft()
            ? load(options_.draft, "loading the draft model", draft_dtype())
            : nullptr;
    const PassSpeed speed =
        measure_passes(*target, draft.get(), plan_.workload,
                       has_draft() ? options_.max_window : 1);
    plan_.speed_source = fmt::format("passes measured here and now, {} threads",
                                     thread_count(*threads));
    plan_.speed_note = with_context();
    plan_.target.pass_seconds = speed.target_seconds;
    if (!has_draft()) return;
    plan_.draft->pass_seconds = speed.draft_seconds;
    plan_.costs = {speed.draft_seconds / speed.target_seconds,
                   verify_costs(speed.verify, options_.max_window)};
    plan_.verify_source = "measured with the target's passes";
  }

  // Of shapes, or of what does not fit: memory and one matrix.
  void measure_memory(ThreadTeam& threads) {
    const MatrixSpeed speed = measure_matrix(
        threads, target_.model.dtype, has_draft() ? options_.max_window : 1);
    use_roofline({.bytes_per_second = speed.weight_bytes_per_second});
    const std::string_view dtype = dtype_name(target_.model.dtype);
    plan_.speed_source = fmt::format(
        "{:.3g} GB/s through a {} matrix, measured here and now, {} threads",
        speed.weight_bytes_per_second / kGiga, dtype, thread_count(threads));
    plan_.speed_note =
        fmt::format("(plain reading {:.3g} GB/s), {}",
                    speed.read_bytes_per_second / kGiga, with_context());
    plan_.target.roofline.reset();
    if (!has_draft()) return;
    plan_.draft->roofline.reset();
    plan_.costs.verify = verify_costs(speed.verify, options_.max_window);
    plan_.verify_source = fmt::format("measured with a {} matrix", dtype);
  }

  const PlanOptions& options_;
  Named target_;
  Named draft_;
  Plan plan_;
};

}  // namespace

Plan make_plan(const PlanOptions& options) {
  if (options.target.empty()) {
    throw UsageError(
        "--target is missing: a folder, a GGUF file, or a shape "
        "(pilotfish plan --shapes lists those)");
  }
  check(options);
  return Planner(options).make();
}

}  // namespace pilotfish::cli
