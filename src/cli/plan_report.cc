#include "cli/plan_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/report.h"
#include "pilotfish/dtype.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

// In thousands, as memory and bandwidth are sold.
std::string decimal_bytes(std::int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, unit == 0 ? 0 : 1, kUnits[unit]);
}

std::string milliseconds(double seconds) {
  return fmt::format("{:.3g} ms", 1e3 * seconds);
}

std::string rate(double tokens_per_second) {
  const int digits = tokens_per_second < 10 ? 2 : tokens_per_second < 100;
  return fmt::format("{:.{}f} tokens/s", tokens_per_second, digits);
}

// The plan's own acceptance among those that are always of interest.
std::vector<double> acceptances(const Plan& plan) {
  std::vector<double> all = {0.5, 0.6, 0.7, 0.8, 0.9, 0.95};
  if (std::find(all.begin(), all.end(), plan.acceptance) == all.end()) {
    all.push_back(plan.acceptance);
  }
  std::sort(all.begin(), all.end());
  return all;
}

// The window that pays at the lowest acceptance.
struct BreakEven {
  std::int64_t window;
  double acceptance;
};
std::optional<BreakEven> lowest_break_even(const SpeculationCosts& costs) {
  std::optional<BreakEven> lowest;
  for (std::int64_t k = 2; k <= costs.max_window(); ++k) {
    const auto acceptance = break_even_acceptance(costs, k);
    if (acceptance && (!lowest || *acceptance < lowest->acceptance)) {
      lowest = {k, *acceptance};
    }
  }
  return lowest;
}

// Where the times of passes come from, and more of it for a second line.
struct SpeedText {
  std::string source;
  std::string note;
};

SpeedText speed_text(const Plan& plan) {
  constexpr double kGiga = 1e9;
  const std::string context =
      fmt::format("with {} tokens in the cache", plan.workload.context);
  const MachineSpeed& machine = plan.machine;
  switch (plan.speed_source) {
    case SpeedSource::kRoofline:
      return {fmt::format("the roofline of {:.6g} GB/s{}",
                          machine.bytes_per_second / kGiga,
                          std::isinf(machine.flops_per_second)
                              ? ", arithmetic taken as free"
                              : fmt::format(" and {:.6g} TFLOP/s",
                                            machine.flops_per_second / 1e12)),
              context};
    case SpeedSource::kGiven:
      return {"time per token as given", ""};
    case SpeedSource::kMeasuredPasses:
      return {fmt::format("passes measured on this machine, {} threads",
                          plan.threads),
              context};
    case SpeedSource::kMeasuredMatrix:
      break;
  }
  return {fmt::format("{:.3g} GB/s through a {} matrix, measured on this "
                      "machine, {} threads",
                      machine.bytes_per_second / kGiga,
                      dtype_name(plan.target.model.dtype), plan.threads),
          fmt::format("(plain reading {:.3g} GB/s), {}",
                      plan.read_bytes_per_second / kGiga, context)};
}

std::string verify_text(const Plan& plan) {
  switch (plan.verify_source) {
    case VerifySource::kFree:
      return "1, verification taken as free (--verify-cost, --flops)";
    case VerifySource::kRoofline:
      return "of the roofline";
    case VerifySource::kGiven:
      return "given";
    case VerifySource::kMeasured:
      break;
  }
  if (plan.speed_source == SpeedSource::kMeasuredPasses) {
    return "measured with the target's passes";
  }
  return fmt::format("measured with a {} matrix",
                     dtype_name(plan.target.model.dtype));
}

class Writer {
 public:
  explicit Writer(const Plan& plan) : plan_(plan) {}

  std::string text() {
    model_line("target", plan_.target);
    if (plan_.draft) model_line("draft", *plan_.draft);
    memory();
    speed();
    if (plan_.draft) speculation();
    cost();
    return std::move(text_);
  }

 private:
  void line(std::string_view name, const std::string& value) {
    text_ += fmt::format("{:<14}{}\n", name, value);
  }

  void model_line(std::string_view role, const ModelPlan& part) {
    line(role, fmt::format("{}: {} parameters, {}", part.model.name,
                           parameters_text(part.model.config.parameters()),
                           dtype_name(part.model.dtype)));
  }

  void memory_row(std::string_view name, const MemoryEstimate& memory) {
    text_ += fmt::format(
        "{:<14}{:>10} {:>10} {:>10} {:>10}\n", name,
        decimal_bytes(memory.weights), decimal_bytes(memory.kv_cache),
        decimal_bytes(memory.scratch), decimal_bytes(memory.total()));
  }

  void memory() {
    text_ += fmt::format("\n{:<14}{:>10} {:>10} {:>10} {:>10}\n", "memory",
                         "weights", "kv cache", "scratch", "total");
    memory_row("  target", plan_.target.memory);
    if (plan_.draft) {
      const MemoryEstimate& target = plan_.target.memory;
      const MemoryEstimate& draft = plan_.draft->memory;
      memory_row("  draft", draft);
      memory_row("  together", {target.weights + draft.weights,
                                target.kv_cache + draft.kv_cache,
                                target.scratch + draft.scratch});
    }
    const Workload& workload = plan_.workload;
    line("for",
         fmt::format("{} sequence{} of {} positions, kv cache in {}",
                     workload.sequences, workload.sequences == 1 ? "" : "s",
                     workload.n_positions, dtype_name(workload.kv_dtype)));
    if (!plan_.memory_bytes) return;
    const std::int64_t spare = *plan_.memory_bytes - plan_.memory_needed();
    line(spare >= 0 ? "fits" : "does not fit",
         fmt::format("{} {}, {} {}", decimal_bytes(*plan_.memory_bytes),
                     plan_.memory_given ? "given" : "in this machine",
                     decimal_bytes(std::abs(spare)),
                     spare >= 0 ? "to spare" : "too little"));
  }

  std::string pass_text(const ModelPlan& part) {
    if (!part.roofline) return milliseconds(part.pass_seconds);
    return fmt::format("{} (memory {}, arithmetic {})",
                       milliseconds(part.pass_seconds),
                       milliseconds(part.roofline->memory_seconds),
                       milliseconds(part.roofline->arithmetic_seconds));
  }

  void speed() {
    text_ += "\n";
    const SpeedText source = speed_text(plan_);
    line("speed", source.source);
    if (!source.note.empty()) line("", source.note);
    line("  target", pass_text(plan_.target));
    if (plan_.draft) line("  draft", pass_text(*plan_.draft));
    line("plain",
         fmt::format("{} a token, {}", milliseconds(plan_.target.pass_seconds),
                     rate(plan_.tokens_per_second(1))));
  }

  void speculation() {
    line("c", fmt::format("{:.3f}, time of a draft pass / target pass",
                          plan_.costs.draft));
    line("v(k)", verify_text(plan_));
    table();
    best();
  }

  void table() {
    text_ += fmt::format("\n{:<4}{:>7}{:>9}   speed-up at acceptance\n", "k",
                         "v(k)", "pays at");
    text_ += fmt::format("{:20}", "");
    for (const double a : acceptances(plan_)) {
      text_ += fmt::format("{:>7.4g} ", a);
    }
    end_row();
    for (std::int64_t k = 1; k <= plan_.costs.max_window(); ++k) table_row(k);
    text_ += "* the best k for its acceptance\n\n";
  }

  void table_row(std::int64_t k) {
    const auto even = break_even_acceptance(plan_.costs, k);
    std::string pays = even ? fmt::format("{:.2f}", *even) : "never";
    if (k == 1) pays = "";
    text_ += fmt::format("{:<4}{:>7.2f}{:>9}", k,
                         plan_.costs.verify[static_cast<size_t>(k - 1)], pays);
    for (const double a : acceptances(plan_)) {
      text_ += fmt::format("{:>7.2f}{}", expected_speedup(plan_.costs, a, k),
                           best_window(plan_.costs, a) == k ? '*' : ' ');
    }
    end_row();
  }

  void end_row() {
    text_.erase(text_.find_last_not_of(' ') + 1);
    text_ += "\n";
  }

  void best() {
    const SpeculationCosts& costs = plan_.costs;
    const auto even = lowest_break_even(costs);
    line("pays", even ? fmt::format("above acceptance {:.3f} (k = {})",
                                    even->acceptance, even->window)
                      : "never");
    const std::int64_t k = best_window(costs, plan_.acceptance);
    line("acceptance",
         fmt::format("{:.4g}{}", plan_.acceptance,
                     plan_.acceptance_given
                         ? ""
                         : ", assumed; generate measures it (--acceptance)"));
    line("best",
         k == 1
             ? "k = 1, plain decoding"
             : fmt::format("k = {}: {:.2f} tokens a pass, {:.2f} times as "
                           "fast as plain decoding",
                           k, expected_tokens(plan_.acceptance, k), speedup()));
    line("speculative",
         fmt::format("{} a token, {}",
                     milliseconds(plan_.target.pass_seconds / speedup()),
                     rate(plan_.tokens_per_second(speedup()))));
  }

  void cost() {
    if (!plan_.hourly_price) return;
    const auto at = [&](double speedup) {
      return cost_per_million_tokens(*plan_.hourly_price,
                                     plan_.tokens_per_second(speedup));
    };
    const std::string plain =
        fmt::format("{:.4g} a million tokens at {:.4g} an hour", at(1),
                    *plan_.hourly_price);
    line("cost", plan_.draft ? fmt::format("{}, {:.4g} with speculation", plain,
                                           at(speedup()))
                             : plain);
  }

  double speedup() const {
    return expected_speedup(plan_.costs, plan_.acceptance,
                            best_window(plan_.costs, plan_.acceptance));
  }

  const Plan& plan_;
  std::string text_;
};

Json model_json(const ModelPlan& part) {
  Json json = {{"name", part.model.name},
               {"architecture", part.model.config.architecture},
               {"parameters", part.model.config.parameters()},
               {"dtype", dtype_name(part.model.dtype)},
               {"weight_bytes", part.memory.weights},
               {"streamed_bytes", part.model.streamed_bytes},
               {"kv_cache_bytes", part.memory.kv_cache},
               {"scratch_bytes", part.memory.scratch},
               {"total_bytes", part.memory.total()},
               {"pass_seconds", part.pass_seconds}};
  if (part.roofline) {
    json["memory_seconds"] = part.roofline->memory_seconds;
    json["arithmetic_seconds"] = part.roofline->arithmetic_seconds;
  }
  return json;
}

Json optional_json(std::optional<double> value) {
  return value ? Json(*value) : Json(nullptr);
}

Json table_json(const Plan& plan) {
  Json table = Json::array();
  for (std::int64_t k = 1; k <= plan.costs.max_window(); ++k) {
    Json speedups = Json::array();
    for (const double a : acceptances(plan)) {
      speedups.push_back({{"acceptance", a},
                          {"tokens_per_pass", expected_tokens(a, k)},
                          {"speedup", expected_speedup(plan.costs, a, k)}});
    }
    table.push_back(
        {{"window", k},
         {"v", plan.costs.verify[static_cast<size_t>(k - 1)]},
         {"break_even", optional_json(break_even_acceptance(plan.costs, k))},
         {"at", std::move(speedups)}});
  }
  return table;
}

Json speculation_json(const Plan& plan, double speedup) {
  const std::int64_t k = best_window(plan.costs, plan.acceptance);
  const auto even = lowest_break_even(plan.costs);
  return {{"c", plan.costs.draft},
          {"v_source", verify_text(plan)},
          {"acceptance", plan.acceptance},
          {"break_even", optional_json(even ? std::optional(even->acceptance)
                                            : std::nullopt)},
          {"best",
           {{"window", k},
            {"tokens_per_pass", expected_tokens(plan.acceptance, k)},
            {"speedup", speedup},
            {"tpot_seconds", plan.target.pass_seconds / speedup},
            {"tokens_per_second", plan.tokens_per_second(speedup)}}},
          {"table", table_json(plan)}};
}

}  // namespace

std::string plan_text(const Plan& plan) { return Writer(plan).text(); }

std::string plan_json(const Plan& plan) {
  const double speedup =
      plan.draft ? expected_speedup(plan.costs, plan.acceptance,
                                    best_window(plan.costs, plan.acceptance))
                 : 1;
  Json json;
  json["target"] = model_json(plan.target);
  json["draft"] = plan.draft ? model_json(*plan.draft) : Json(nullptr);
  json["n_positions"] = plan.workload.n_positions;
  json["sequences"] = plan.workload.sequences;
  json["context"] = plan.workload.context;
  json["kv_dtype"] = dtype_name(plan.workload.kv_dtype);
  json["memory"] = {{"needed_bytes", plan.memory_needed()},
                    {"available_bytes", nullptr},
                    {"fits", nullptr}};
  if (plan.memory_bytes) {
    json["memory"]["available_bytes"] = *plan.memory_bytes;
    json["memory"]["fits"] = plan.memory_needed() <= *plan.memory_bytes;
  }
  json["speed_source"] = speed_text(plan).source;
  json["plain"] = {{"tpot_seconds", plan.target.pass_seconds},
                   {"tokens_per_second", plan.tokens_per_second(1)}};
  json["speculation"] =
      plan.draft ? speculation_json(plan, speedup) : Json(nullptr);
  json["cost"] = nullptr;
  if (plan.hourly_price) {
    const auto at = [&](double faster) {
      return cost_per_million_tokens(*plan.hourly_price,
                                     plan.tokens_per_second(faster));
    };
    json["cost"] = {{"hourly_price", *plan.hourly_price},
                    {"plain_per_million", at(1)}};
    if (plan.draft) json["cost"]["speculative_per_million"] = at(speedup);
  }
  return dump(json);
}

}  // namespace pilotfish::cli
