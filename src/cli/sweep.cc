#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/prompt.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/sweep_measure.h"
#include "cli/sweep_report.h"
#include "cli/terminal.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

struct SweepOptions {
  DecodingOptions decoding;
  std::string prompts_file;
  std::vector<std::string> windows = {"2", "3", "4", "5", "6", "7", "8"};
  std::vector<double> temperatures;    // empty: --temperature's
  std::vector<std::string> acceptors;  // empty: --acceptor's
  std::int64_t most_prompts = 0;       // 0: all
  bool json = false;
};

std::vector<Setting> settings_of(const SweepOptions& options) {
  std::vector<std::string> acceptors = options.acceptors;
  if (acceptors.empty()) acceptors = {options.decoding.acceptor};
  std::vector<double> temperatures = options.temperatures;
  if (temperatures.empty()) {
    temperatures = {options.decoding.sampling.params.temperature};
  }
  std::vector<Setting> settings;
  for (const std::string& acceptor : acceptors) {
    for (const double temperature : temperatures) {
      for (const std::string& window : options.windows) {
        settings.push_back(
            {acceptor, temperature, parse_window("--windows", window)});
      }
    }
  }
  return settings;
}

void check(const SweepOptions& options) {
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
  if (options.decoding.max_tokens == -1) {
    throw UsageError("--max-tokens: a sweep needs a number of tokens");
  }
}

// The prompt set that comes with the target, unless the user names one.
std::string prompts_file(const SweepOptions& options, const Session& session) {
  if (!options.prompts_file.empty()) return options.prompts_file;
  const auto shipped = session.target->path() / "prompts.txt";
  std::error_code ignored;
  if (std::filesystem::exists(shipped, ignored)) return shipped.string();
  throw UsageError(
      "--prompts is missing: name a file with a prompt a line (the model "
      "brings "
      "no prompts.txt)");
}

std::vector<std::vector<Token>> prompts_of(const SweepOptions& options,
                                           const Session& session) {
  PromptOptions source;
  source.prompts_file = prompts_file(options, session);
  auto prompts = read_prompts(source, session);
  if (options.most_prompts > 0 &&
      static_cast<size_t>(options.most_prompts) < prompts.size()) {
    prompts.resize(static_cast<size_t>(options.most_prompts));
  }
  return prompts;
}

std::int64_t positions(const SweepOptions& options, const Session& session,
                       const std::vector<std::vector<Token>>& prompts) {
  if (options.decoding.compute.n_positions != 0) {
    return options.decoding.compute.n_positions;
  }
  size_t longest = 0;
  for (const auto& prompt : prompts) longest = std::max(longest, prompt.size());
  return std::min(
      session.target->config().n_positions,
      options.decoding.max_tokens + static_cast<std::int64_t>(longest));
}

std::string command_line(const Session& session, const Comparison* best) {
  std::string text =
      fmt::format("pilotfish generate -m {}", session.target->path().string());
  if (!best) return text + " -d none";
  text +=
      fmt::format(" -d {} -k {} --acceptor {}", session.draft->path().string(),
                  window_text(best->setting.window), best->setting.acceptor);
  if (session.tree_width > 1) {
    text += fmt::format(" --tree-width {}", session.tree_width);
  }
  if (best->setting.temperature > 0) {
    text += fmt::format(" --temperature {}", best->setting.temperature);
  }
  return text;
}

void run(const SweepOptions& options) {
  check(options);
  const Session session = open_session(options.decoding);
  if (!session.draft) {
    throw UsageError(
        "-d is missing: a sweep compares windows, and without a "
        "draft model there is only plain decoding");
  }
  const auto prompts = prompts_of(options, session);
  InterruptFlag interrupt;
  std::vector<Comparison> comparisons;
  {
    Progress progress("measuring");
    comparisons = measure(session, make_request(session, options.decoding),
                          positions(options, session, prompts), prompts,
                          settings_of(options), [&](double done) {
                            progress.update(done);
                            return !interrupt.raised();
                          });
  }
  const Comparison* best = best_of(comparisons);
  if (options.json) {
    nlohmann::ordered_json json;
    json["model"] = session.target->path().string();
    json["draft"] = session.draft->path().string();
    json["threads"] = session.threads;
    json["prompts"] = prompts.size();
    json["max_tokens"] = options.decoding.max_tokens;
    json["settings"] = sweep_json(comparisons);
    json["best"] = command_line(session, best);
    write_out(dump(json));
    return;
  }
  write_out(sweep_table(comparisons, stdout_has_colours()));
  write_out(fmt::format(
      "\n{} prompts, {} tokens each, {} threads; every run next to a plain "
      "one. "
      "verify and\ndraft: medians a pass, in plain passes; predicted: tokens a "
      "pass over their sum.\n",
      prompts.size(), options.decoding.max_tokens, session.threads));
  write_out(fmt::format(
      "\nbest{}\n  {}\n",
      best ? fmt::format(" ({:.2f}x)", best->speedup()) : ": plain decoding",
      command_line(session, best)));
}

}  // namespace

void add_sweep(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "sweep", "Measure what windows, acceptors and temperatures buy");
  const auto options = std::make_shared<SweepOptions>();
  options->decoding.max_tokens = 128;
  const std::string group = "Sweep";
  const auto list = [&](const char* name, auto& values, const char* what,
                        const char* help) {
    command->add_option(name, values, help)
        ->delimiter(',')
        ->option_text(what)
        ->group(group);
  };
  command
      ->add_option("--prompts", options->prompts_file,
                   "A prompt a line (default: the model's prompts.txt)")
      ->option_text("FILE")
      ->group(group);
  command
      ->add_option("--most-prompts", options->most_prompts,
                   "Take only the first N prompts (default: all)")
      ->option_text("N")
      ->group(group);
  list("--windows", options->windows, "K,K,...",
       "Windows to measure, numbers or auto (default 2,3,4,5,6,7,8)");
  list("--temperatures", options->temperatures, "T,T,...",
       "Temperatures (default: --temperature's)");
  list("--acceptors", options->acceptors, "NAME,NAME,...",
       "Acceptors (default: --acceptor's)");
  command->add_flag("--json", options->json, "One JSON object")->group(group);
  add_decoding_options(*command, options->decoding);
  command->callback([options] { run(*options); });
}

}  // namespace pilotfish::cli
