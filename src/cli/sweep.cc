#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/partial_file.h"
#include "cli/prompt_file.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/sweep_command.h"
#include "cli/sweep_report.h"
#include "cli/terminal.h"
#include "cli/terminal_width.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

struct SweepFlags {
  DecodingOptions decoding;
  std::string prompts_file;
  std::vector<std::string> windows = {"2", "3", "4", "5", "6", "7", "8"};
  std::vector<double> temperatures;    // empty: --temperature's
  std::vector<std::string> acceptors;  // empty: --acceptor's
  std::vector<std::string> drafters;   // "suffix+model"; empty: --drafter's
  std::int64_t most_prompts = 0;       // 0: all
  bool json = false;
  std::string report;  // file; empty: none
};

std::vector<std::string> drafters_named(std::string name) {
  std::ranges::replace(name, '+', ',');
  return parse_drafters(name);
}

// Flags to open a session with: all that any setting needs.
DecodingOptions decoding_of(const SweepFlags& options) {
  DecodingOptions decoding = options.decoding;
  std::vector<std::string> all;
  for (const std::string& names : options.drafters) {
    for (const std::string& name : drafters_named(names)) {
      if (std::ranges::count(all, name) == 0) all.push_back(name);
    }
  }
  if (!all.empty()) decoding.drafter = fmt::format("{}", fmt::join(all, ","));
  return decoding;
}

std::vector<SweepSetting> settings_of(const SweepFlags& options,
                                      const Session& session) {
  std::vector<std::vector<std::string>> drafters;
  for (const std::string& name : options.drafters) {
    drafters.push_back(drafters_named(name));
  }
  if (drafters.empty()) drafters = {session.engine.drafters};
  std::vector<std::string> acceptors = options.acceptors;
  if (acceptors.empty()) acceptors = {options.decoding.acceptor};
  std::vector<double> temperatures = options.temperatures;
  if (temperatures.empty()) {
    temperatures = {options.decoding.sampling.params.temperature};
  }
  std::vector<SweepSetting> settings;
  std::vector<std::int64_t> windows;
  for (const std::string& text : options.windows) {
    windows.push_back(parse_window("--windows", text));
  }
  std::ranges::sort(windows);  // kAutoWindow first, as SweepGroup wants it
  for (const auto& drafter : drafters) {
    for (const std::string& acceptor : acceptors) {
      for (const double temperature : temperatures) {
        for (const std::int64_t window : windows) {
          settings.push_back({drafter, acceptor, temperature, window});
        }
      }
    }
  }
  return settings;
}

void check_sweep(const SweepFlags& options) {
  for (const std::string& text : options.windows) {
    const std::int64_t window = parse_window("--windows", text);
    if (window == kAutoWindow || (window >= 2 && window <= 64)) continue;
    throw UsageError(fmt::format(
        "--windows: found {}, expected auto or 2 to 64 (plain decoding, 1, is "
        "always measured beside them)",
        window));
  }
  for (const double temperature : options.temperatures) {
    if (temperature >= 0) continue;
    throw UsageError(fmt::format("--temperatures: found {}, expected 0 or more",
                                 temperature));
  }
  for (const std::string& name : options.drafters) {
    if (!drafters_named(name).empty()) continue;
    throw UsageError(
        "--drafters: found none, which is plain decoding and always measured");
  }
  if (options.decoding.synthetic_acceptance) {
    throw UsageError(
        "--synthetic-acceptance: a sweep measures what is really accepted");
  }
  if (options.decoding.max_tokens == -1) {
    throw UsageError("--max-tokens: a sweep needs a number of tokens");
  }
}

// The prompt set that comes with the target, unless the user names one.
std::string prompts_file(const SweepFlags& options, const Session& session) {
  if (!options.prompts_file.empty()) return options.prompts_file;
  const auto shipped = session.target->path() / "prompts.txt";
  std::error_code ignored;
  if (std::filesystem::exists(shipped, ignored)) return shipped.string();
  throw UsageError(
      "--prompts is missing: name a file with one prompt per line (the model "
      "brings no prompts.txt)");
}

std::vector<std::vector<Token>> prompts_of(const SweepFlags& options,
                                           const Session& session) {
  auto prompts = read_prompts(prompts_file(options, session), session);
  if (options.most_prompts > 0 &&
      static_cast<size_t>(options.most_prompts) < prompts.size()) {
    prompts.resize(static_cast<size_t>(options.most_prompts));
  }
  return prompts;
}

void print_best(const SweepRun& run) {
  if (!run.comparable()) return;
  const SweepComparison* best = best_of(run.comparisons);
  write_out(fmt::format(
      "\nbest{}{}\n  {}\n", run.interrupted() ? " so far" : "",
      best ? fmt::format(" ({:.2f}x)", best->speedup()) : ": plain decoding",
      run.command));
}

void print_run(const SweepRun& run) {
  const int columns = stdout_columns();
  write_out(sweep_table(run, stdout_has_colours(), columns));
  write_out(sweep_notes(run, columns));
}

// Ctrl-C ends it with what there is.
SweepRun measure(const SweepFlags& flags, const Session& session,
                 const std::vector<std::vector<Token>>& prompts) {
  InterruptFlag interrupt;
  Progress progress("measuring");
  SweepOptions options;
  options.engine =
      engine_options(session, positions_for(flags.decoding, session, prompts));
  options.request = session.request;
  options.prompts = prompts;
  options.settings = settings_of(flags, session);
  options.progress = [&](double done) {
    progress.update(done);
    return !interrupt.raised();
  };
  return {session,
          sweep(session.target, session.draft, session.tokenizer, options),
          std::ssize(prompts), std::ssize(options.settings),
          flags.decoding.max_tokens};
}

void run_sweep(const SweepFlags& options, const Command& command) {
  check_sweep(options);
  for (const char* flag : {"--window", "--draft-max"}) {
    if (!command.flag(flag).given()) continue;
    throw UsageError(
        fmt::format("{}: a sweep measures the windows of --windows", flag));
  }
  std::optional<PartialFile> report;  // what cannot be written fails here
  if (!options.report.empty()) report.emplace(options.report);
  const Session session = open_session(decoding_of(options));
  if (session.engine.drafters.empty()) {
    throw UsageError(
        "-d is missing: a sweep compares windows, and without a draft model or "
        "another drafter (--drafters) there is only plain decoding");
  }
  const auto prompts = prompts_of(options, session);
  SweepRun run = measure(options, session, prompts);
  if (run.comparable()) {
    run.command = best_command(command, session, best_of(run.comparisons));
  }
  if (options.json) {
    write_out(dump(sweep_run_json(run)));
  } else {
    print_run(run);
  }
  if (report) {
    report->write(sweep_page(run));
    report->commit();
  }
  if (!options.json) print_best(run);
  if (run.interrupted()) std::raise(SIGINT);  // status 130, for scripts
}

}  // namespace

void add_sweep(CommandLine& line) {
  Command command = line.add_command(
      "sweep",
      "Measure what windows, drafters, acceptors and temperatures gain");
  const auto options = std::make_shared<SweepFlags>();
  options->decoding.max_tokens = 128;
  const FlagGroup group = command.group("Sweep");
  group.add("--prompts", options->prompts_file, "FILE",
            "One prompt per line (default: the model's prompts.txt)");
  group.add("--most-prompts", options->most_prompts, "N",
            "Take only the first N prompts (default: all)");
  group
      .add("--windows", options->windows, "K,K,...",
           "Windows to measure, numbers or auto (default 2,3,4,5,6,7,8)")
      .comma_separated();
  Flag temperatures =
      group
          .add("--temperatures", options->temperatures, "T,T,...",
               "Temperatures (default: --temperature's)")
          .comma_separated();
  Flag acceptors = group
                       .add("--acceptors", options->acceptors, "NAME,NAME,...",
                            "Acceptors (default: --acceptor's)")
                       .comma_separated();
  Flag drafters =
      group.add("--drafters", options->drafters, "NAMES,NAMES,...",
                "Drafters, with + for preference: model,suffix+model (default: "
                "--drafter's)");
  drafters.comma_separated();
  group.add("--html,--report", options->report, "FILE",
            "Write a report with plots, one HTML page");
  group.add_switch("--json", options->json, "One JSON object");
  add_decoding_options(command, options->decoding);
  drafters.excludes(command.flag("--drafter"))
      .stands_for(command.flag("--drafter"));
  acceptors.excludes(command.flag("--acceptor"));
  temperatures.excludes(command.flag("--temperature"))
      .stands_for(command.flag("--temperature"));
  command.on_run([options, command] { run_sweep(*options, command); });
}

}  // namespace pilotfish::cli
