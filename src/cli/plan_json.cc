#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "cli/plan_report.h"
#include "cli/plan_words.h"
#include "cli/report.h"
#include "pilotfish/dtype.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

Json rank_json(const RankPart& part) {
  return {{"weight_bytes", part.memory.weights},
          {"kv_cache_bytes", part.memory.kv_cache},
          {"scratch_bytes", part.memory.scratch},
          {"total_bytes", part.memory.total()},
          {"compute_seconds", part.compute_seconds},
          {"gather_seconds", part.gather_seconds},
          {"waiting_seconds", part.waiting_seconds},
          {"gathers", part.gathers},
          {"gathered_bytes", part.gathered_bytes}};
}

Json ranks_json(const Plan& plan) {
  const RankPlan& ranks = *plan.ranks;
  const auto from = ranks.drafting_dominates_from;
  return {{"count", ranks.count},
          {"network", ranks.network},
          {"network_measured", ranks.network_measured},
          {"tp_draft", ranks.split_draft ? "all" : "1"},
          {"jitter", ranks.jitter},
          {"one_rank_window", ranks.one_rank_window},
          {"drafting_dominates_from", from ? Json(*from) : Json(nullptr)}};
}

Json model_json(const ModelPlan& part) {
  Json json = {{"name", part.model.name},
               {"architecture", part.model.config.architecture},
               {"parameters", part.model.config.parameters()},
               {"dtype", storage_name(part.model)},
               {"weight_bytes", part.memory.weights},
               {"streamed_bytes", part.model.streamed_bytes},
               {"kv_cache_bytes", part.memory.kv_cache},
               {"scratch_bytes", part.memory.scratch},
               {"total_bytes", part.memory.total()},
               {"pass_seconds", part.pass_seconds}};
  if (part.rank) json["rank"] = rank_json(*part.rank);
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
            {"drafting_share", plan.costs.drafting_share(k)},
            {"tpot_seconds", plan.target.pass_seconds / speedup},
            {"tokens_per_second", plan.tokens_per_second(speedup)}}},
          {"table", table_json(plan)}};
}

}  // namespace

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
  json["sockets"] = plan.sockets;
  json["ranks"] = plan.ranks ? ranks_json(plan) : Json(nullptr);
  json["speed_source"] = speed_text(plan).source;
  json["plain"] = {{"tpot_seconds", plan.target.pass_seconds},
                   {"tokens_per_second", plan.tokens_per_second(1)}};
  json["speculation"] =
      plan.draft ? speculation_json(plan, speedup) : Json(nullptr);
  json["cost"] = nullptr;
  if (const auto price = plan.hourly_price_of_all()) {
    const auto at = [&](double faster) {
      return cost_per_million_tokens(*price, plan.tokens_per_second(faster));
    };
    json["cost"] = {{"hourly_price", *price}, {"plain_per_million", at(1)}};
    if (plan.draft) json["cost"]["speculative_per_million"] = at(speedup);
  }
  return dump(json);
}

}  // namespace pilotfish::cli
