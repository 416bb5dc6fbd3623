#include "cli/rank_curve_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "cli/plan_words.h"
#include "cli/report.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

// What a line of the table says.
struct RankRow {
  explicit RankRow(const Plan& of_plan)
      : plan(of_plan),
        part(*of_plan.target.rank),
        window(plan.draft ? best_window(plan.costs, plan.acceptance) : 1),
        speedup(plan.draft
                    ? expected_speedup(plan.costs, plan.acceptance, window)
                    : 1) {}

  double plain_seconds() const { return plan.target.pass_seconds; }
  double speculative_seconds() const { return plain_seconds() / speedup; }
  double drafting_share() const {
    return plan.draft ? plan.costs.drafting_share(window) : 0;
  }
  // With speculation, where there is a draft.
  std::optional<double> cost() const {
    const auto price = plan.hourly_price_of_all();
    if (!price) return std::nullopt;
    return cost_per_million_tokens(*price, plan.tokens_per_second(speedup));
  }

  const Plan& plan;
  const RankPart& part;
  std::int64_t window;
  double speedup;
};

std::string header(const Plan& plan) {
  std::string text = fmt::format("{:>5}{:>10}{:>10}{:>9}{:>9}", "ranks",
                                 "memory", "computing", "gathers", "plain");
  if (plan.draft) {
    text += fmt::format("{:>4}{:>12}{:>10}", "k", "speculative", "drafting");
  }
  if (plan.hourly_price) text += fmt::format("{:>9}", "cost");
  return text + "\n";
}

std::string milliseconds_or_none(double seconds) {
  return seconds == 0 ? "0" : milliseconds(seconds);
}

// What the lines share.
std::string heading(const Plan& plan) {
  const auto line = [](std::string_view name, const std::string& value) {
    return fmt::format("{:<14}{}\n", name, value);
  };
  const auto model = [&](std::string_view role, const PlannedModel& one) {
    return line(role, fmt::format("{}: {} parameters, {}", one.name,
                                  parameters_text(one.config.parameters()),
                                  storage_name(one)));
  };
  const SpeedText speed = speed_text(plan);
  std::string text = model("target", plan.target.model);
  if (plan.draft) text += model("draft", plan.draft->model);
  text += line("speed", speed.source);
  if (!speed.note.empty()) text += line("", speed.note);
  text += line("ranks", network_text(*plan.ranks));
  if (!plan.draft) return text;
  text += line("drafting", plan.ranks->split_draft
                               ? "on all ranks"
                               : "on rank 0 while the others wait");
  text += line("v(k)", verify_text(plan));
  return text + line("acceptance", fmt::format("{:.4g}", plan.acceptance));
}

std::string row_text(const RankRow& row) {
  std::string text =
      fmt::format("{:>5}{:>10}{:>10}{:>9}{:>9}", row.plan.ranks->count,
                  decimal_bytes(row.plan.memory_needed()),
                  milliseconds(row.part.compute_seconds),
                  milliseconds_or_none(row.part.gather_seconds),
                  milliseconds(row.plain_seconds()));
  if (row.plan.draft) {
    text += fmt::format("{:>4}{:>12}{:>8.0f} %", row.window,
                        milliseconds(row.speculative_seconds()),
                        100 * row.drafting_share());
  }
  if (const auto cost = row.cost()) text += fmt::format("{:>9.4g}", *cost);
  return text + "\n";
}

Json heading_json(const Plan& plan) {
  const auto model = [](const PlannedModel& one) -> Json {
    return {{"name", one.name}, {"dtype", storage_name(one)}};
  };
  const auto from = plan.ranks->drafting_dominates_from;
  return {{"target", model(plan.target.model)},
          {"draft", plan.draft ? model(plan.draft->model) : Json(nullptr)},
          {"speed_source", speed_text(plan).source},
          {"sockets", plan.sockets},
          {"network", plan.ranks->network},
          {"network_measured", plan.ranks->network_measured},
          {"tp_draft", plan.ranks->split_draft ? "all" : "1"},
          {"jitter", plan.ranks->jitter},
          {"acceptance", plan.acceptance},
          {"one_rank_window", plan.ranks->one_rank_window},
          {"drafting_dominates_from", from ? Json(*from) : Json(nullptr)}};
}

Json row_json(const RankRow& row) {
  Json json = {{"ranks", row.plan.ranks->count},
               {"rank_bytes", row.plan.memory_needed()},
               {"target_weight_bytes", row.part.memory.weights},
               {"compute_seconds", row.part.compute_seconds},
               {"gather_seconds", row.part.gather_seconds},
               {"waiting_seconds", row.part.waiting_seconds},
               {"plain_tpot_seconds", row.plain_seconds()}};
  if (row.plan.draft) {
    json["draft_seconds"] = row.plan.draft->pass_seconds;
    json["window"] = row.window;
    json["speculative_tpot_seconds"] = row.speculative_seconds();
    json["drafting_share"] = row.drafting_share();
  }
  json["tokens_per_second"] = row.plan.tokens_per_second(row.speedup);
  const auto cost = row.cost();
  json["cost_per_million"] = cost ? Json(*cost) : Json(nullptr);
  return json;
}

}  // namespace

std::string rank_curve_text(const std::vector<Plan>& plans) {
  const Plan& first = plans.front();
  std::string text = heading(first) + "\n" + header(first);
  for (const Plan& plan : plans) text += row_text(RankRow(plan));
  text += "\nmemory: of the largest rank; plain, speculative: of a token";
  if (first.hourly_price) text += "; cost: of 10^6";
  text += "\n";
  const std::string limit = bottleneck_text(*first.ranks);
  return limit.empty() ? text : fmt::format("{}bottleneck: {}\n", text, limit);
}

std::string rank_curve_json(const std::vector<Plan>& plans) {
  const Plan& first = plans.front();
  Json json = heading_json(first);
  Json curve = Json::array();
  for (const Plan& plan : plans) curve.push_back(row_json(RankRow(plan)));
  json["curve"] = std::move(curve);
  return dump(json);
}

}  // namespace pilotfish::cli
