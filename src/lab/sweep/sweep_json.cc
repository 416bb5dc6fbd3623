#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "pilotfish/lab/sweep.h"
#include "pilotfish/speedup.h"
#include "pilotfish/spread.h"

namespace pilotfish {
namespace {

using Json = nlohmann::ordered_json;

Json split_json(const IterationSummary::Split& split) {
  return {{"draft", split.draft},
          {"verify", split.verify},
          {"bookkeeping", split.bookkeeping}};
}

// What a setting is, its window apart.
Json traits_json(const SweepSetting& setting) {
  return {{"drafters", setting.drafters},
          {"acceptor", setting.acceptor},
          {"temperature", setting.temperature}};
}

// Adds what the formula promises; an automatic window has no place in it.
void add_formula(const SweepComparison& one, double acceptance, Json& json) {
  const std::int64_t window = one.setting.window;
  const bool automatic = window == kAutoWindow;
  json["acceptance_per_token"] = acceptance;
  json["tokens_per_pass_formula"] =
      automatic ? Json(nullptr) : Json(expected_tokens(acceptance, window));
  json["speedup_formula"] =
      automatic ? Json(nullptr) : Json(one.formula_speedup(acceptance));
}

Json comparison_json(const SweepComparison& one, double acceptance) {
  const IterationSummary& summary = one.speculative;
  const std::int64_t window = one.setting.window;
  Json json = traits_json(one.setting);
  json["window"] = window == kAutoWindow ? Json("auto") : Json(window);
  json["prompts"] = one.prompts;
  json["tokens"] = summary.tokens;
  json["passes"] = summary.passes;
  json["tokens_per_pass"] = summary.tokens_per_pass();
  json["acceptance_rate"] = summary.acceptance_rate();
  json["acceptance_per_position"] = summary.acceptance_by_place();
  json["drafted_per_position"] = summary.offered_at;
  json["plain_seconds_per_token"] = one.plain.seconds_per_token();
  json["seconds_per_token"] = summary.seconds_per_token();
  json["seconds_per_token_split"] = split_json(summary.split());
  json["verify_seconds_per_pass"] = median(summary.verify_seconds);
  json["draft_seconds_per_pass"] = median(summary.draft_seconds);
  json["verify_cost"] = one.verify_cost();
  json["draft_cost"] = one.draft_cost();
  json["speedup"] = one.speedup();
  json["speedup_median_of_prompts"] = median(one.ratios);
  json["speedup_quartiles_of_prompts"] = {quantile(one.ratios, 0.25),
                                          quantile(one.ratios, 0.75)};
  json["speedup_predicted"] = one.predicted_speedup();
  add_formula(one, acceptance, json);
  return json;
}

// The plain runs of all windows together.
Json plain_json(SweepGroup group) {
  IterationSummary all;
  for (const SweepComparison& one : group) all.add(one.plain);
  return {{"tokens", all.tokens},
          {"seconds_per_token", all.seconds_per_token()},
          {"seconds_per_token_split", split_json(all.split())}};
}

}  // namespace

nlohmann::ordered_json sweep_json(
    const std::vector<SweepComparison>& comparisons) {
  Json settings = Json::array();
  Json groups = Json::array();
  for (const SweepGroup group : sweep_groups(comparisons)) {
    const double acceptance = acceptance_per_token(group);
    Json places = Json::array();
    for (const SweepComparison& one : group) {
      places.push_back(settings.size());
      settings.push_back(comparison_json(one, acceptance));
    }
    Json json = traits_json(group.front().setting);
    json["acceptance_per_token"] = acceptance;
    json["plain"] = plain_json(group);
    json["settings"] = std::move(places);
    groups.push_back(std::move(json));
  }
  const SweepComparison* best = best_of(comparisons);
  return {
      {"settings", std::move(settings)},
      {"groups", std::move(groups)},
      {"best_setting", best ? Json(best - comparisons.data()) : Json(nullptr)}};
}

}  // namespace pilotfish
