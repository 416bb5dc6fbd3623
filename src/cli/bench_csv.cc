#include <fmt/format.h>

#include "cli/bench_report.h"

namespace pilotfish::cli {
namespace {

// RFC 4180.
std::string csv_text(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"') result += '"';
    result += c;
  }
  return result + '"';
}

class CsvWriter {
 public:
  CsvWriter(std::string_view model, int threads, std::string& out)
      : prefix_(fmt::format("{},{}", csv_text(model), threads)), out_(out) {}

  void add(std::string_view test, std::string_view at, std::string_view unit,
           const Spread& spread) {
    out_ += fmt::format("{},{},{},{},{},{},{}\n", prefix_, test, at, unit,
                        spread.median, spread.p10, spread.p90);
  }
  void add(std::string_view test, std::int64_t at, std::string_view unit,
           const Spread& spread) {
    add(test, fmt::format("{}", at), unit, spread);
  }
  void add_one(std::string_view test, std::string_view at,
               std::string_view unit, double value) {
    out_ += fmt::format("{},{},{},{},{},,\n", prefix_, test, at, unit, value);
  }

 private:
  const std::string prefix_;
  std::string& out_;
};

void add_speculation(const SpeculationSpeed& speed, CsvWriter& csv) {
  const std::int64_t k = speed.window;
  const std::string at = fmt::format("{}", k);
  csv.add("speculative", k, "tokens/s", speed.decoding.tokens_per_second);
  csv.add("speedup", k, "ratio", speed.speedup);
  csv.add("draft_row", k, "s", speed.draft_row_seconds);
  csv.add("verify", k, "s", speed.decoding.verify_seconds);
  csv.add("bookkeeping", k, "share", speed.decoding.bookkeeping_share);
  csv.add_one("acceptance", at, "share", speed.acceptance);
  csv.add_one("tokens_per_pass", at, "tokens", speed.tokens_per_pass);
  if (speed.predicted_speedup > 0) {
    csv.add_one("predicted_speedup", at, "ratio", speed.predicted_speedup);
  }
  csv.add_one("limit_speedup", at, "ratio", speed.limit_speedup);
}

void add_run(const BenchReport& run, const BenchOptions& options,
             CsvWriter& csv) {
  csv.add("read", "", "bytes/s", run.machine.read_bytes_per_second);
  for (const InstructionPeak& peak : run.machine.peaks) {
    csv.add_one("peak", csv_text(peak.instruction), "operations/s",
                peak.operations_per_second);
  }
  if (run.prefill_tokens_per_second) {
    csv.add("prefill", options.prompt_tokens, "tokens/s",
            *run.prefill_tokens_per_second);
  }
  if (run.plain) {
    csv.add("decode", options.generate_tokens, "tokens/s",
            run.plain->tokens_per_second);
    csv.add("bookkeeping", 1, "share", run.plain->bookkeeping_share);
  }
  csv.add("pass", 1, "s", run.pass_seconds);
  if (run.layer_seconds) csv.add("layer", 1, "s", *run.layer_seconds);
  csv.add_one("pass_bytes", "1", "bytes", static_cast<double>(run.pass_bytes));
  csv.add("bandwidth_share", 1, "share", run.bandwidth_share);
  for (const RowsTime& time : run.rows) {
    csv.add("pass", time.rows, "s", time.seconds);
    csv.add("pass_ratio", time.rows, "ratio", time.ratio);
  }
  for (const ContextTime& time : run.contexts) {
    csv.add("context", time.context, "s", time.seconds);
    csv.add("context_ratio", time.context, "ratio", time.ratio);
  }
  for (const SpeculationSpeed& speed : run.speculation) {
    add_speculation(speed, csv);
  }
}

}  // namespace

std::string bench_csv(const BenchSubject& subject,
                      const std::vector<BenchReport>& runs) {
  std::string text = "model,threads,test,at,unit,median,p10,p90\n";
  for (const BenchReport& run : runs) {
    CsvWriter csv(subject.model, run.threads, text);
    add_run(run, subject.options, csv);
  }
  return text;
}

}  // namespace pilotfish::cli
