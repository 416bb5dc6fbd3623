#include "pilotfish/lab/planner.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <utility>

#include "pilotfish/error.h"
#include "pilotfish/lab/machine.h"
#include "pilotfish/lab/shapes.h"
#include "pilotfish/threads.h"

namespace pilotfish {
namespace {

constexpr std::int64_t kDefaultPositions = 4096;
constexpr double kDefaultAcceptance = 0.8;
constexpr std::int64_t kLargestWindow = 64;
constexpr int kMostSockets = 8;
// Vocabularies of one tokenizer differ by no more than this, which is padding.
constexpr std::int64_t kVocabularyPadding = 1024;

void check(bool holds, std::string_view member, double found,
           std::string_view expected) {
  if (holds) return;
  throw UsageError(
      fmt::format("{}: found {}, expected {}", member, found, expected));
}

void check_above_zero(std::string_view member, double value) {
  check(std::isfinite(value) && value > 0, member, value, "a number above 0");
}

void check_request(const PlanRequest& request) {
  if (request.target.empty()) {
    throw UsageError(
        "target: found no name, expected a folder, a GGUF file or a shape");
  }
  if (request.memory_bytes) {
    check_above_zero("memory_bytes",
                     static_cast<double>(*request.memory_bytes));
  }
  if (request.machine) {
    const MachineSpeed& machine = *request.machine;
    check_above_zero("bytes_per_second", machine.bytes_per_second);
    check(machine.flops_per_second > 0, "flops_per_second",
          machine.flops_per_second, "a number above 0");
  }
  check(request.sockets >= 1 && request.sockets <= kMostSockets, "sockets",
        request.sockets, fmt::format("1 to {}", kMostSockets));
  if (request.sockets > 1 && !request.machine) {
    throw UsageError(
        "sockets: more than one needs the memory bandwidth of one");
  }
  if (request.pass_seconds) {
    check_above_zero("pass_seconds, target", request.pass_seconds->target);
    if (!request.draft.empty()) {
      check_above_zero("pass_seconds, draft", request.pass_seconds->draft);
    }
  }
  for (const auto& [window, cost] : request.verify) {
    check(window >= 2, "verify", static_cast<double>(window),
          "a window from 2");
    check_above_zero("verify", cost);
  }
  if (request.acceptance) {
    const double acceptance = *request.acceptance;
    check(acceptance >= 0 && acceptance <= 1, "acceptance", acceptance,
          "a probability from 0 to 1");
  }
  check(request.max_window >= 1 && request.max_window <= kLargestWindow,
        "max_window", static_cast<double>(request.max_window), "1 to 64");
  if (request.hourly_price) {
    const double price = *request.hourly_price;
    check(std::isfinite(price) && price >= 0, "hourly_price", price,
          "a number from 0");
  }
}

// A model as a request names it.
struct Named {
  PlannedModel model;
  bool is_file = false;  // rather than a shape
};

Named find_model(std::string_view member, const std::string& name,
                 std::optional<DType> dtype, bool q4_k_m) {
  std::error_code ignored;
  if (std::filesystem::exists(name, ignored)) {
    const ModelDescription description = inspect_model(name);
    if (q4_k_m) return {planned_q4_k_m(name, description.config), true};
    return {dtype ? planned_model(name, description.config, *dtype)
                  : planned_model(description),
            true};
  }
  const Shape* shape = find_shape(name);
  if (shape == nullptr) {
    throw UsageError(fmt::format(
        "{}: \"{}\" is neither a model's folder or file nor a known shape; "
        "pilotfish plan --shapes lists those",
        member, name));
  }
  if (q4_k_m) return {planned_q4_k_m(shape->name, shape->config), false};
  return {
      planned_model(shape->name, shape->config, dtype.value_or(DType::kBF16)),
      false};
}

// Makes a Plan, step by step.
class Planner {
 public:
  explicit Planner(const PlanRequest& request) : request_(request) {}

  Plan make() {
    find_models();
    set_workload();
    estimate_memory();
    check_context();
    find_speed();
    if (!request_.verify.empty()) {
      plan_.costs.verify = verify_costs(request_.verify, request_.max_window);
      plan_.verify_source = VerifySource::kGiven;
    }
    plan_.acceptance = request_.acceptance.value_or(kDefaultAcceptance);
    plan_.acceptance_given = request_.acceptance.has_value();
    plan_.hourly_price = request_.hourly_price;
    return std::move(plan_);
  }

 private:
  bool has_draft() const { return plan_.draft.has_value(); }
  std::optional<DType> draft_dtype() const {
    return request_.draft_dtype ? request_.draft_dtype : request_.dtype;
  }

  bool draft_q4_k_m() const {
    return request_.draft_q4_k_m || (request_.q4_k_m && !request_.draft_dtype);
  }

  // Whether there are files, and loading gives them the type that is asked for.
  static bool is_loadable(const Named& named, std::optional<DType> dtype) {
    if (named.model.q4_k_m) return false;
    using enum DType;
    constexpr DType kConverted[] = {kF32, kF16, kBF16, kQ8_0, kQ4_0};
    if (!named.is_file || !dtype) return named.is_file;
    return std::ranges::find(kConverted, *dtype) != std::end(kConverted);
  }

  void find_models() {
    target_ =
        find_model("target", request_.target, request_.dtype, request_.q4_k_m);
    plan_.target.model = target_.model;
    if (request_.draft.empty()) return;
    draft_ = find_model("draft", request_.draft, draft_dtype(), draft_q4_k_m());
    plan_.draft.emplace();
    plan_.draft->model = draft_.model;
    plan_.vocabularies_differ =
        std::abs(target_.model.config.vocab_size -
                 draft_.model.config.vocab_size) > kVocabularyPadding;
  }

  void set_workload() {
    Workload& workload = plan_.workload;
    workload.kv_dtype = request_.kv_dtype;
    workload.sequences = request_.sequences;
    workload.n_positions = request_.n_positions;
    if (workload.n_positions == 0) {
      workload.n_positions =
          std::min(kDefaultPositions, target_.model.config.n_positions);
      if (has_draft()) {
        workload.n_positions =
            std::min(workload.n_positions, draft_.model.config.n_positions);
      }
    }
    workload.context = request_.context.value_or(workload.n_positions / 2);
  }

  // Comes after memory_needed's own check of positions and sequences.
  void check_context() const {
    const Workload& workload = plan_.workload;
    check(workload.context >= 0 && workload.context <= workload.n_positions,
          "context", static_cast<double>(workload.context),
          fmt::format("0 to n_positions, which is {}", workload.n_positions));
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
    plan_.memory_bytes = request_.memory_bytes;
    plan_.memory_given = request_.memory_bytes.has_value();
  }

  // Given times of passes take the place of the roofline's, whose v(k) stays.
  void find_speed() {
    if (request_.machine) use_given_machine();
    if (request_.pass_seconds) use_given_seconds();
    if (!request_.machine && !request_.pass_seconds) measure();
  }

  void use_given_machine() {
    plan_.sockets = request_.sockets;
    use_roofline(with_sockets(*request_.machine, request_.sockets));
    plan_.speed_source = SpeedSource::kRoofline;
    plan_.verify_source = std::isinf(plan_.machine.flops_per_second)
                              ? VerifySource::kFree
                              : VerifySource::kRoofline;
  }

  void use_roofline(const MachineSpeed& machine) {
    plan_.machine = machine;
    const auto apply = [&](ModelPlan& part) {
      part.roofline = pass_time(part.model, plan_.workload, machine, 1);
      part.pass_seconds = part.roofline->seconds();
    };
    apply(plan_.target);
    if (!has_draft()) return;
    apply(*plan_.draft);
    plan_.costs = roofline_costs(target_.model, draft_.model, plan_.workload,
                                 machine, request_.max_window);
  }

  void use_given_seconds() {
    const PassSeconds& seconds = *request_.pass_seconds;
    plan_.speed_source = SpeedSource::kGiven;
    plan_.target.pass_seconds = seconds.target;
    plan_.target.roofline.reset();
    if (!has_draft()) return;
    plan_.draft->pass_seconds = seconds.draft;
    plan_.draft->roofline.reset();
    plan_.costs.draft = seconds.draft / seconds.target;
    if (plan_.costs.verify.empty()) {
      plan_.costs.verify = verify_costs({}, request_.max_window);
      plan_.verify_source = VerifySource::kFree;
    }
  }

  void measure() {
    if (!plan_.memory_bytes) plan_.memory_bytes = machine_memory_bytes();
    const auto threads = make_threads(request_.threads);
    plan_.threads = thread_count(*threads);
    plan_.verify_source = VerifySource::kMeasured;
    const bool both = is_loadable(target_, request_.dtype) &&
                      (!has_draft() || is_loadable(draft_, draft_dtype()));
    if (both && plan_.memory_needed() <= machine_memory_bytes()) {
      measure_passes_of_models(threads);
    } else {
      measure_one_matrix(*threads);
    }
  }

  std::shared_ptr<Model> load(const std::string& path, std::string_view role,
                              std::optional<DType> dtype,
                              const std::shared_ptr<ThreadTeam>& threads) {
    const LoadOptions options{
        .dtype = dtype,
        .threads = threads,
        .n_positions = plan_.workload.context + request_.max_window};
    return request_.load ? request_.load(path, role, options)
                         : Model::load(path, options);
  }

  void measure_passes_of_models(const std::shared_ptr<ThreadTeam>& threads) {
    const auto target =
        load(request_.target, "target", request_.dtype, threads);
    const auto draft =
        has_draft() ? load(request_.draft, "draft", draft_dtype(), threads)
                    : nullptr;
    const PassSpeed speed =
        measure_passes(*target, draft.get(), plan_.workload,
                       has_draft() ? request_.max_window : 1);
    plan_.speed_source = SpeedSource::kMeasuredPasses;
    plan_.target.pass_seconds = speed.target_seconds;
    if (!has_draft()) return;
    plan_.draft->pass_seconds = speed.draft_seconds;
    plan_.costs = {speed.draft_seconds / speed.target_seconds,
                   verify_costs(speed.verify, request_.max_window)};
  }

  // Shapes, and models too large for this machine, are timed by what passes
  // wait for: weights that stream through a product.
  void measure_one_matrix(ThreadTeam& threads) {
    const MatrixSpeed speed = measure_matrix(
        threads, target_.model.dtype, has_draft() ? request_.max_window : 1);
    use_roofline({.bytes_per_second = speed.weight_bytes_per_second});
    plan_.speed_source = SpeedSource::kMeasuredMatrix;
    plan_.read_bytes_per_second = speed.read_bytes_per_second;
    plan_.target.roofline.reset();
    if (!has_draft()) return;
    plan_.draft->roofline.reset();
    plan_.costs.verify = verify_costs(speed.verify, request_.max_window);
  }

  const PlanRequest& request_;
  Named target_;
  Named draft_;
  Plan plan_;
};

}  // namespace

Plan make_plan(const PlanRequest& request) {
  check_request(request);
  return Planner(request).make();
}

}  // namespace pilotfish
