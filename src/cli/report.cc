#include "cli/report.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "cli/ranks_report.h"
#include "pilotfish/spread.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string windows_text(std::int64_t window, const IterationSummary& summary) {
  return fmt::format("{}, {:.2f} on average, {:.0f} % of the passes plain",
                     window_text(window), summary.mean_window(),
                     100 * summary.plain_share());
}

Json model_json(const Model& model) {
  const ModelConfig& config = model.config();
  return {{"path", model.path().string()},
          {"architecture", config.architecture},
          {"parameters", config.parameters()},
          {"n_layers", config.n_layers()},
          {"vocab_size", config.vocab_size},
          {"weight_bytes", model.weight_bytes()},
          {"resident_bytes", model.resident_bytes()},
          {"instruction_set", model.instruction_set()}};
}

template <typename T>
Json value_json(const T& value) {
  return value;
}

Json value_json(const std::map<Token, float>& biases) {
  Json json = Json::object();
  for (const auto& [token, bias] : biases) json[std::to_string(token)] = bias;
  return json;
}

Json settings_json(const Session& session, const Engine& engine,
                   const Request& request) {
  const std::int64_t window = request.window.value_or(1);
  Json settings = {
      {"window", window == kAutoWindow ? Json("auto") : Json(window)},
      {"max_tokens", request.max_tokens},
      {"n_positions", engine.n_positions()}};
  for (const SamplingField& field : kSamplingFields) {
    settings[std::string(field.name)] = std::visit(
        [&](auto member) { return value_json(request.sampling.*member); },
        field.member);
  }
  settings.update({{"stop_strings", request.stop_strings},
                   {"stop_ids", request.stop_ids},
                   {"ignore_eos", request.ignore_eos},
                   {"tree_width", session.engine.tree_width},
                   {"kv_dtype", dtype_name(session.engine.kv_dtype)},
                   {"threads", session.threads}});
  return settings;
}

// -infinity, of a token that the model rules out, is null.
Json logprobs_json(const Generation& generation) {
  Json tokens = Json::array();
  for (const TokenLogprobs& token : generation.logprobs) {
    Json top = Json::array();
    for (const TokenLogprobs::Candidate& candidate : token.top) {
      top.push_back(
          {{"token", candidate.token}, {"logprob", candidate.logprob}});
    }
    tokens.push_back({{"logprob", token.logprob}, {"top", std::move(top)}});
  }
  return tokens;
}

Json proposals_json(const std::vector<Proposal>& proposals) {
  Json all = Json::array();
  for (const Proposal& proposal : proposals) {
    all.push_back({{"token", proposal.token},
                   {"draft_probability", proposal.draft_probability},
                   {"target_probability", proposal.target_probability}});
  }
  return all;
}

Json iterations_json(const GenerationStats& stats) {
  Json iterations = Json::array();
  for (const IterationStats& iteration : stats.iterations) {
    iterations.push_back({{"window", iteration.drafted + 1},
                          {"drafted", iteration.drafted},
                          {"places", iteration.places()},
                          {"accepted", iteration.accepted},
                          {"emitted", iteration.emitted},
                          {"draft_seconds", iteration.draft_seconds},
                          {"verify_seconds", iteration.verify_seconds},
                          {"total_seconds", iteration.total_seconds}});
    if (!iteration.proposals.empty()) {
      iterations.back()["proposals"] = proposals_json(iteration.proposals);
    }
  }
  return iterations;
}

// What no pass after the prompt's has measured is null.
Json timings_json(const Session& session, const GenerationStats& stats) {
  const IterationSummary& summary = stats.summary;
  const auto measured = [](bool is_measured, double value) {
    return is_measured ? Json(value) : Json(nullptr);
  };
  const bool decoded = summary.passes > 0;
  return {{"load_seconds", session.load_seconds},
          {"ttft_seconds", stats.ttft_seconds},
          {"decode_seconds", stats.decode_seconds},
          {"tpot_median_seconds",
           measured(decoded, quantile(summary.token_seconds, 0.5))},
          {"tpot_p99_seconds",
           measured(decoded, quantile(summary.token_seconds, 0.99))},
          {"tokens_per_second", measured(decoded, stats.tokens_per_second)},
          {"draft_seconds_per_pass", measured(!summary.draft_seconds.empty(),
                                              median(summary.draft_seconds))},
          {"verify_seconds_per_pass",
           measured(decoded, median(summary.verify_seconds))}};
}

}  // namespace

std::string format_bytes(std::int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes)
                   : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string parameters_text(std::int64_t parameters) {
  const auto value = static_cast<double>(parameters);
  if (value >= 1e9) return fmt::format("{:.1f} billion", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.0f} million", value / 1e6);
  return fmt::format("{}", parameters);
}

std::string format_seconds(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.0f} us", seconds * 1e6);
  // From there on {:.3g} would write 1e+03.
  if (seconds < 0.9995) return fmt::format("{:.3g} ms", seconds * 1e3);
  return fmt::format("{:.3g} s", seconds);
}

std::string acceptor_text(const Session& session) {
  const std::string name(session.engine.acceptor->name());
  if (session.synthetic) return name + " (synthetic: not a model's text)";
  return name +
         (session.engine.acceptor->lossless() ? " (lossless)" : " (lossy)");
}

namespace {

// What the passes after the prompt's were like.
template <typename Line>
void pass_lines(const Session& session, std::int64_t window,
                const IterationSummary& summary, const Line& line) {
  const std::string verify = format_seconds(median(summary.verify_seconds));
  if (session.engine.drafters.empty()) {
    line("passes", fmt::format("{} after the prompt, each {}, no draft model",
                               summary.passes, verify));
    return;
  }
  line("acceptance",
       fmt::format("{:.2f} tokens a pass, {:.1f} % of the drafted",
                   summary.tokens_per_pass(), 100 * summary.acceptance_rate()));
  std::string places;
  for (const double rate : summary.acceptance_by_place()) {
    places += fmt::format("{}{:.2f}", places.empty() ? "" : " ", rate);
  }
  if (!places.empty()) {
    line("  by place", fmt::format("{} (of {} passes)", places,
                                   fmt::join(summary.offered_at, " ")));
  }
  line(
      "passes",
      summary.draft_seconds.empty()
          ? fmt::format("{} after the prompt, none drafted, each {} to verify",
                        summary.passes, verify)
          : fmt::format("{} after the prompt, each {} to draft and {} to "
                        "verify",
                        summary.passes,
                        format_seconds(median(summary.draft_seconds)), verify));
  line("window", windows_text(window, summary));
}

}  // namespace

std::string statistics_text(const Session& session, const Engine& engine,
                            std::int64_t window, const Generation& generation) {
  const GenerationStats& stats = generation.stats;
  const IterationSummary& summary = stats.summary;
  std::string text;
  const auto line = [&text](std::string_view name, const std::string& value) {
    text += fmt::format("{}{:<12}{}", text.empty() ? "" : "\n", name, value);
  };
  line("load",
       fmt::format("{} until {} ready", format_seconds(session.load_seconds),
                   session.draft ? "both models were" : "the model was"));
  line("prompt",
       fmt::format("{} tokens{}, first token after {}", stats.prompt_tokens,
                   stats.reused_tokens == 0
                       ? ""
                       : fmt::format(" ({} of them still in the cache)",
                                     stats.reused_tokens),
                   format_seconds(stats.ttft_seconds)));
  line("generated",
       fmt::format("{} tokens, ended by {}", stats.generated_tokens,
                   finish_reason_name(generation.finish_reason)));
  if (summary.passes == 0) {
    line("speed", "not measured: no pass came after the prompt's");
  } else {
    line("speed",
         fmt::format("{:.1f} tokens/s, {} a token (median), {} (p99)",
                     stats.tokens_per_second,
                     format_seconds(quantile(summary.token_seconds, 0.5)),
                     format_seconds(quantile(summary.token_seconds, 0.99))));
    pass_lines(session, window, summary, line);
  }
  if (!session.engine.drafters.empty()) {
    line("drafter", drafters_text(session.engine.drafters));
    if (session.engine.tree_width > 1) {
      line("  tree", fmt::format("up to {} candidates a place",
                                 session.engine.tree_width));
    }
    line("acceptor", acceptor_text(session));
  }
  const std::string ranks =
      ranks_text(*session.target, stats.ttft_seconds + stats.decode_seconds);
  if (!ranks.empty()) line("ranks", ranks);
  line("kv cache",
       fmt::format("{} for {} positions", format_bytes(engine.kv_cache_bytes()),
                   engine.n_positions()));
  return text;
}

nlohmann::ordered_json generation_json(const Session& session,
                                       const Engine& engine,
                                       const Request& request,
                                       const Generation& generation) {
  Json origins = Json::array();
  for (const Origin origin : generation.origins) {
    origins.push_back(origin_name(origin));
  }
  const GenerationStats& stats = generation.stats;
  Json json;
  json["text"] = session.tokenizer ? Json(generation.text) : Json(nullptr);
  json["tokens"] = generation.tokens;
  json["origins"] = std::move(origins);
  if (request.logprobs) json["logprobs"] = logprobs_json(generation);
  json["finish_reason"] = finish_reason_name(generation.finish_reason);
  json["prompt_tokens"] = request.prompt;
  json["reused_tokens"] = stats.reused_tokens;
  json["model"] = model_json(*session.target);
  json["draft"] = session.draft ? model_json(*session.draft) : Json(nullptr);
  json["drafters"] = session.engine.drafters;
  json["acceptor"] = session.engine.acceptor->name();
  json["lossless"] = session.engine.acceptor->lossless();
  json["synthetic"] = session.synthetic;
  json["seed"] = request.sampling.seed;
  json["settings"] = settings_json(session, engine, request);
  json["mean_window"] = stats.summary.mean_window();
  json["iterations"] = iterations_json(stats);
  json["timings"] = timings_json(session, stats);
  json["acceptance"] = {{"mean_length", stats.summary.tokens_per_pass()},
                        {"rate", stats.summary.acceptance_rate()},
                        {"per_position", stats.summary.acceptance_by_place()}};
  json["kv_cache_bytes"] = engine.kv_cache_bytes();
  json["ranks"] = ranks_json(*session.target);
  return json;
}

std::string dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace pilotfish::cli
