#include <nlohmann/json.hpp>

#include "cli/bench_report.h"
#include "cli/report.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

Json spread_json(const Spread& spread) {
  return {{"median", spread.median}, {"p10", spread.p10}, {"p90", spread.p90}};
}

Json machine_json(const MachineLimits& machine) {
  Json peaks = Json::array();
  for (const InstructionPeak& peak : machine.peaks) {
    peaks.push_back({{"instruction", peak.instruction},
                     {"operations_per_second", peak.operations_per_second}});
  }
  return {{"processor", processor_name()},
          {"read_bytes_per_second", spread_json(machine.read_bytes_per_second)},
          {"peaks", std::move(peaks)}};
}

Json decoding_json(const DecodingSpeed& decoding) {
  return {{"tokens_per_second", spread_json(decoding.tokens_per_second)},
          {"verify_seconds", spread_json(decoding.verify_seconds)},
          {"bookkeeping_share", spread_json(decoding.bookkeeping_share)}};
}

Json speculation_json(const SpeculationSpeed& speed) {
  Json json = {{"window", speed.window}};
  json.update(decoding_json(speed.decoding));
  json["speedup"] = spread_json(speed.speedup);
  json["draft_row_seconds"] = spread_json(speed.draft_row_seconds);
  json["acceptance"] = speed.acceptance;
  json["tokens_per_pass"] = speed.tokens_per_pass;
  json["predicted_speedup"] =
      speed.predicted_speedup == 0 ? Json() : Json(speed.predicted_speedup);
  json["limit_speedup"] = speed.limit_speedup;
  return json;
}

Json run_json(const BenchReport& run) {
  Json json = {{"threads", run.threads},
               {"instruction_set", run.instruction_set},
               {"machine", machine_json(run.machine)}};
  json["prefill_tokens_per_second"] =
      run.prefill_tokens_per_second
          ? spread_json(*run.prefill_tokens_per_second)
          : Json();
  json["plain"] = run.plain ? decoding_json(*run.plain) : Json();
  json["pass"] = {
      {"context", run.context},
      {"seconds", spread_json(run.pass_seconds)},
      {"layer_seconds",
       run.layer_seconds ? spread_json(*run.layer_seconds) : Json()},
      {"bytes", run.pass_bytes},
      {"bandwidth_share", spread_json(run.bandwidth_share)}};
  json["rows"] = Json::array();
  for (const RowsTime& time : run.rows) {
    json["rows"].push_back({{"rows", time.rows},
                            {"seconds", spread_json(time.seconds)},
                            {"ratio", spread_json(time.ratio)}});
  }
  json["contexts"] = Json::array();
  for (const ContextTime& time : run.contexts) {
    json["contexts"].push_back({{"context", time.context},
                                {"seconds", spread_json(time.seconds)},
                                {"ratio", spread_json(time.ratio)},
                                {"bytes", time.bytes}});
  }
  json["acceptor"] = run.speculation.empty() ? Json() : Json(run.acceptor);
  json["speculation"] = Json::array();
  for (const SpeculationSpeed& speed : run.speculation) {
    json["speculation"].push_back(speculation_json(speed));
  }
  return json;
}

}  // namespace

std::string bench_json(const BenchSubject& subject,
                       const std::vector<BenchReport>& runs) {
  const BenchOptions& options = subject.options;
  Json json = {{"model", subject.model}, {"dtype", subject.dtype}};
  json["draft"] = subject.draft.empty() ? Json() : Json(subject.draft);
  json["draft_dtype"] =
      subject.draft.empty() ? Json() : Json(subject.draft_dtype);
  json["prompt_tokens"] = options.prompt_tokens;
  json["generate_tokens"] = options.generate_tokens;
  json["repetitions"] = options.repetitions;
  json["kv_dtype"] = dtype_name(options.kv_dtype);
  json["synthetic_acceptance"] = options.synthetic_acceptance
                                     ? Json(*options.synthetic_acceptance)
                                     : Json();
  json["runs"] = Json::array();
  for (const BenchReport& run : runs) json["runs"].push_back(run_json(run));
  return dump(json);
}

}  // namespace pilotfish::cli
