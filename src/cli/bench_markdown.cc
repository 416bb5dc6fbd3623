#include <fmt/format.h>

#include "cli/bench_report.h"
#include "cli/markdown_table.h"
#include "pilotfish/lab/machine.h"

namespace pilotfish::cli {
namespace {

std::string number(double value, int decimals) {
  return fmt::format("{:.{}f}", value, decimals);
}

// Median, p10, p90 in a row's next three cells.
void append(std::vector<std::string>& row, const Spread& spread, double unit,
            int decimals) {
  for (const double value : {spread.median, spread.p10, spread.p90}) {
    row.push_back(number(value / unit, decimals));
  }
}

constexpr double kMicro = 1e-6;
constexpr double kMilli = 1e-3;
constexpr double kBillion = 1e9;
constexpr double kPercent = 0.01;

std::string machine_table(const MachineLimits& machine) {
  MarkdownTable table({"the machine's limits", "median", "p10", "p90"});
  std::vector<std::string> read = {"reading memory, GB/s"};
  append(read, machine.read_bytes_per_second, kBillion, 1);
  table.add(read);
  for (const InstructionPeak& peak : machine.peaks) {
    table.add({fmt::format("{}, 10^9 operations/s", peak.instruction),
               number(peak.operations_per_second / kBillion, 0), "", ""});
  }
  return table.text();
}

std::string speed_table(const BenchReport& run, const BenchOptions& options) {
  MarkdownTable table({"speed", "median", "p10", "p90"});
  const auto add = [&](std::string what, const Spread& spread, double unit,
                       int decimals) {
    std::vector<std::string> row = {std::move(what)};
    append(row, spread, unit, decimals);
    table.add(row);
  };
  if (run.prefill_tokens_per_second) {
    add(fmt::format("prefill of {}, tokens/s", options.prompt_tokens),
        *run.prefill_tokens_per_second, 1, 1);
  }
  if (run.plain) {
    add(fmt::format("decoding {}, tokens/s", options.generate_tokens),
        run.plain->tokens_per_second, 1, 2);
    add("time that is neither draft nor target, %",
        run.plain->bookkeeping_share, kPercent, 2);
  }
  add("a pass over one row, ms", run.pass_seconds, kMilli, 2);
  if (run.layer_seconds) {
    add("a layer of it, us", *run.layer_seconds, kMicro, 1);
  }
  add(fmt::format("share of the memory bandwidth ({:.1f} MB per pass), %",
                  static_cast<double>(run.pass_bytes) / 1e6),
      run.bandwidth_share, kPercent, 1);
  return table.text();
}

std::string rows_table(const BenchReport& run) {
  MarkdownTable table(
      {"rows m", "ms", "p10", "p90", "T(m)/T(1)", "p10", "p90"});
  std::vector<std::string> one = {"1"};
  append(one, run.pass_seconds, kMilli, 2);
  one.insert(one.end(), {"1.00", "", ""});
  table.add(one);
  for (const RowsTime& time : run.rows) {
    std::vector<std::string> row = {fmt::format("{}", time.rows)};
    append(row, time.seconds, kMilli, 2);
    append(row, time.ratio, 1, 2);
    table.add(row);
  }
  return table.text();
}

std::string contexts_table(const BenchReport& run) {
  MarkdownTable table({"context", "ms", "p10", "p90",
                       fmt::format("to {}", run.context), "p10", "p90", "MB"});
  for (const ContextTime& time : run.contexts) {
    std::vector<std::string> row = {fmt::format("{}", time.context)};
    append(row, time.seconds, kMilli, 2);
    append(row, time.ratio, 1, 2);
    row.push_back(number(static_cast<double>(time.bytes) / 1e6, 1));
    table.add(row);
  }
  return table.text();
}

std::string speedup_table(const BenchReport& run) {
  MarkdownTable table({"window k", "tokens/s", "p10", "p90", "speed-up", "p10",
                       "p90", "predicted", "v = 1"});
  for (const SpeculationSpeed& speed : run.speculation) {
    std::vector<std::string> row = {fmt::format("{}", speed.window)};
    append(row, speed.decoding.tokens_per_second, 1, 2);
    append(row, speed.speedup, 1, 2);
    row.push_back(
        speed.predicted_speedup == 0 ? "" : number(speed.predicted_speedup, 2));
    row.push_back(number(speed.limit_speedup, 2));
    table.add(row);
  }
  return table.text();
}

std::string parts_table(const BenchReport& run) {
  MarkdownTable table({"window k", "accepted %", "tokens/pass", "draft ms/row",
                       "verify ms", "neither %"});
  for (const SpeculationSpeed& speed : run.speculation) {
    table.add({fmt::format("{}", speed.window),
               number(speed.acceptance / kPercent, 1),
               number(speed.tokens_per_pass, 2),
               number(speed.draft_row_seconds.median / kMilli, 2),
               number(speed.decoding.verify_seconds.median / kMilli, 2),
               number(speed.decoding.bookkeeping_share.median / kPercent, 2)});
  }
  return table.text();
}

std::string acceptance_text(const BenchSubject& subject,
                            const BenchReport& run) {
  if (subject.options.synthetic_acceptance) {
    return fmt::format("synthetic acceptance {}",
                       *subject.options.synthetic_acceptance);
  }
  return fmt::format("greedy, acceptor {}", run.acceptor);
}

}  // namespace

std::string bench_markdown(const BenchSubject& subject,
                           const std::vector<BenchReport>& runs) {
  std::string text = fmt::format("{} ({})\n", subject.model, subject.dtype);
  for (const BenchReport& run : runs) {
    text += fmt::format(
        "\n{}, {} thread{}, {}; {} repetitions; passes and runs after {} "
        "tokens\n\n",
        processor_name(), run.threads, run.threads == 1 ? "" : "s",
        run.instruction_set, subject.options.repetitions, run.context);
    text += machine_table(run.machine);
    text += "\n" + speed_table(run, subject.options);
    if (!run.rows.empty()) text += "\n" + rows_table(run);
    if (!run.contexts.empty()) text += "\n" + contexts_table(run);
    if (run.speculation.empty()) continue;
    text += fmt::format("\nDraft {} ({}), {}:\n\n", subject.draft,
                        subject.draft_dtype, acceptance_text(subject, run));
    text += speedup_table(run) + "\n" + parts_table(run);
  }
  return text;
}

}  // namespace pilotfish::cli
