#include "cli/sweep_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "cli/report.h"
#include "cli/report_page.h"
#include "cli/session_facts.h"
#include "cli/terminal_width.h"
#include "pilotfish/spread.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

// A column: what it says of plain decoding and of a setting.
struct Column {
  const char* name;
  int width;
  std::string (*plain)(SweepGroup group);
  std::string (*cell)(const SweepComparison& comparison);
};

std::string nothing(SweepGroup) { return ""; }

// All plain runs of a group together.
std::string plain_time(SweepGroup group) {
  std::vector<double> times;
  for (const SweepComparison& comparison : group) {
    times.push_back(comparison.plain.seconds_per_token());
  }
  return format_seconds(median(times));
}

// The window, then results, then what they come from.
using One = const SweepComparison&;
constexpr Column kColumns[] = {
    {"window", 6, [](SweepGroup) -> std::string { return "plain"; },
     [](One one) { return window_text(one.setting.window); }},
    {"speed-up", 8, [](SweepGroup) -> std::string { return "1.00x"; },
     [](One one) { return fmt::format("{:.2f}x", one.speedup()); }},
    {"tokens/pass", 11, [](SweepGroup) -> std::string { return "1.00"; },
     [](One one) {
       return fmt::format("{:.2f}", one.speculative.tokens_per_pass());
     }},
    {"accepted", 8, nothing,
     [](One one) {
       return fmt::format("{:.1f} %", 100 * one.speculative.acceptance_rate());
     }},
    {"TPOT", 7, plain_time,
     [](One one) {
       return format_seconds(one.speculative.seconds_per_token());
     }},
    {"verify", 6, [](SweepGroup) -> std::string { return "1"; },
     [](One one) { return fmt::format("{:.2f}", one.verify_cost()); }},
    {"draft", 6, nothing,
     [](One one) { return fmt::format("{:.2f}", one.draft_cost()); }},
    {"predicted", 9, nothing,
     [](One one) { return fmt::format("{:.2f}x", one.predicted_speedup()); }},
};

// Parts of the columns that fit side by side, the window first in each.
std::vector<std::vector<Column>> column_blocks(int columns) {
  std::vector<std::vector<Column>> blocks;
  int width = columns;
  for (const Column& column : std::span(kColumns).subspan(1)) {
    if (width + 1 + column.width > columns) {
      blocks.push_back({kColumns[0]});
      width = kColumns[0].width;
    }
    blocks.back().push_back(column);
    width += 1 + column.width;
  }
  return blocks;
}

template <typename Cell>
std::string line_of(const std::vector<Column>& block, const Cell& cell) {
  std::string line;
  for (const Column& column : block) {
    line += fmt::format("{}{:>{}}", line.empty() ? "" : " ", cell(column),
                        column.width);
  }
  line.resize(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string group_title(const SweepSetting& setting) {
  std::string text = fmt::format("temperature {}, acceptor {}",
                                 setting.temperature, setting.acceptor);
  if (setting.drafters != std::vector<std::string>{"model"}) {
    text += ", drafter " + drafters_text(setting.drafters);
  }
  return text + "\n";
}

std::string group_table(SweepGroup group, const SweepComparison* best,
                        int columns) {
  std::string text;
  for (const std::vector<Column>& block : column_blocks(columns)) {
    if (!text.empty()) text += "\n";
    text += line_of(block, [](const Column& column) { return column.name; });
    text += line_of(block,
                    [&](const Column& column) { return column.plain(group); });
    for (const SweepComparison& one : group) {
      std::string line = line_of(
          block, [&](const Column& column) { return column.cell(one); });
      if (&one == best)
        line = "\033[1;32m" + line.substr(0, line.size() - 1) + "\033[0m\n";
      text += line;
    }
  }
  return text;
}

}  // namespace

std::int64_t SweepRun::prompts() const {
  std::int64_t most = 0;
  for (const SweepComparison& one : comparisons) {
    most = std::max(most, one.prompts);
  }
  return most;
}

std::int64_t SweepRun::runs() const {
  std::int64_t runs = 0;
  for (const SweepComparison& one : comparisons) runs += one.prompts;
  return runs;
}

bool SweepRun::comparable() const {
  return std::ssize(comparisons) == settings_asked;
}

std::string sweep_table(const SweepRun& run, bool colours, int columns) {
  std::string text;
  for (const SweepGroup group : sweep_groups(run.comparisons)) {
    if (!text.empty()) text += "\n";
    const bool has_best = colours && run.comparable();
    text += wrapped(group_title(group.front().setting), columns);
    text += group_table(group, has_best ? best_of(group) : nullptr, columns);
  }
  return text;
}

std::string sweep_notes(const SweepRun& run, int columns) {
  std::string text = "\n";
  if (run.interrupted()) {
    text += wrapped(
        fmt::format("interrupted: {} of {} runs were made (a run is a prompt "
                    "with a setting), over {} of {} prompts and {} of {} "
                    "settings\n",
                    run.runs(), run.runs_asked(), run.prompts(),
                    run.prompts_asked, run.comparisons.size(),
                    run.settings_asked),
        columns);
  }
  return text +
         wrapped(fmt::format(
                     "{} {}, {} tokens each, {} {}; every run next to a plain "
                     "one. verify and draft: medians per pass, relative to a "
                     "plain pass; predicted: tokens a pass divided by their "
                     "sum.\n",
                     run.prompts(), run.prompts() == 1 ? "prompt" : "prompts",
                     run.max_tokens, run.session.threads,
                     run.session.threads == 1 ? "thread" : "threads"),
                 columns);
}

nlohmann::ordered_json sweep_run_json(const SweepRun& run) {
  const Session& session = run.session;
  Json json;
  json["model"] = session.target->path().string();
  json["draft"] =
      session.draft ? Json(session.draft->path().string()) : Json(nullptr);
  json["threads"] = session.threads;
  json["interrupted"] = run.interrupted();
  json["prompts"] = run.prompts();
  json["prompts_asked"] = run.prompts_asked;
  json["settings_asked"] = run.settings_asked;
  json["max_tokens"] = run.max_tokens;
  json.update(pilotfish::sweep_json(run.comparisons));
  json["best"] = run.command;
  if (!run.comparable()) json["best"] = json["best_setting"] = nullptr;
  return json;
}

std::string sweep_page(const SweepRun& run) {
  return report_page("sweep", {{"models", models_text(run.session)},
                               {"facts", session_facts(run.session)},
                               {"sweep", sweep_run_json(run)}});
}

}  // namespace pilotfish::cli
