#include "pilotfish/lab/selfcheck.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/dtype_flags.h"
#include "cli/flags.h"
#include "cli/http_text_server.h"
#include "cli/model_facts.h"
#include "cli/options.h"
#include "cli/partial_file.h"
#include "cli/prompt_file.h"
#include "cli/report.h"
#include "cli/selfcheck_report.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "pilotfish/error.h"
#include "pilotfish/inspect.h"
#include "pilotfish/lab/server_check.h"

namespace pilotfish::cli {
namespace {

struct SelfcheckFlags {
  DecodingOptions models;  // of it, what says which models to load
  std::string prompts_file;
  std::vector<std::string> acceptors;
  bool quick = false;
  bool full = false;
  std::int64_t trials = 0;  // 0: by the size
  std::uint64_t seed = 0;
  bool json = false;
  std::string report;
  std::string server;  // URL; empty: texts are decoded here
  std::string api_key_file;
};

// How much is checked: prompts, and the rest of SelfcheckOptions.
struct Size {
  size_t most_prompts;
  std::int64_t max_tokens;
  std::vector<std::int64_t> windows;
  std::vector<double> temperatures;
  std::int64_t trials;
  std::int64_t most_trials;
};

Size size_of(const SelfcheckFlags& options) {
  if (options.quick) return {3, 16, {2, 5}, {1}, 400, 1 << 19};
  if (options.full) {
    return {64, 64, {2, 3, 4, 5, 6, 7, 8}, {0.5, 0.7, 1, 1.5}, 10000, 1 << 22};
  }
  return {7, 24, {2, 5, 8}, {0.7, 1.5}, 600, 1 << 20};
}

// Prompts for models that bring no prompts.txt.
constexpr const char* kTexts[] = {
    "Once upon a time, there was a small house by the sea.",
    "The capital of the country is",
    "def main():\n    for i in range(10):\n",
    "Question: What is the sum of 12 and 30?\nAnswer:",
    "Dear all,\n\nThank you for coming to the meeting on",
    "\"Where have you been?\" she asked.",
    "1, 2, 3, 4, 5, 6, 7,",
};

// Prompts for models without a tokenizer: ids from all over the vocabulary.
std::vector<std::vector<Token>> prompts_of_ids(std::int64_t vocab_size) {
  std::vector<std::vector<Token>> prompts;
  std::int64_t id = 1;
  for (size_t i = 0; i < std::size(kTexts); ++i) {
    std::vector<Token>& prompt = prompts.emplace_back();
    for (int place = 0; place < 10; ++place) {
      id = (id * 7919 + 104729) % vocab_size;
      prompt.push_back(static_cast<Token>(id));
    }
  }
  return prompts;
}

std::vector<std::vector<Token>> prompts_of(const SelfcheckFlags& options,
                                           const Session& session) {
  std::string file = options.prompts_file;
  const auto shipped = session.target->path() / "prompts.txt";
  std::error_code ignored;
  if (file.empty() && std::filesystem::exists(shipped, ignored)) {
    file = shipped.string();
  }
  if (!file.empty()) return read_prompts(file, session);
  if (!session.tokenizer) {
    return prompts_of_ids(session.target->config().vocab_size);
  }
  std::vector<std::vector<Token>> prompts;
  for (const char* text : kTexts) {
    prompts.push_back(session.tokenizer->encode(text));
  }
  return prompts;
}

SelfcheckOptions selfcheck_options(const SelfcheckFlags& options,
                                   const Session& session) {
  const Size size = size_of(options);
  SelfcheckOptions checks;
  checks.prompts = prompts_of(options, session);
  checks.prompts.resize(std::min(checks.prompts.size(), size.most_prompts));
  for (const std::string& name : options.acceptors) {
    checks.acceptors.push_back(make_acceptor(name));
  }
  checks.windows = size.windows;
  checks.temperatures = size.temperatures;
  checks.max_tokens = size.max_tokens;
  checks.trials = options.trials > 0 ? options.trials : size.trials;
  constexpr std::int64_t kMostOfEach = 100;  // of what is sampled slowly
  checks.most_trials = std::max(size.most_trials, kMostOfEach * checks.trials);
  checks.seed = options.seed;
  checks.kv_dtype = session.engine.kv_dtype;
  return checks;
}

// The session's models, and where they have several threads the same with one.
std::vector<SelfcheckPair> pairs_of(const SelfcheckFlags& options,
                                    const Session& session) {
  const SelfcheckPair ours = {session.target, session.draft, session.threads};
  if (session.threads == 1) return {ours};
  LoadOptions load = load_options(options.models.compute);
  load.threads = start_threads(1);
  SelfcheckPair other;
  other.threads = 1;
  other.target = load_model(session.target->path().string(),
                            "loading the target model again", load);
  if (session.draft) {
    load.dtype = dtype_of("--draft-dtype", options.models.draft_dtype);
    load.layers = options.models.draft_layers;
    load.ranks = options.models.draft_ranks;
    other.draft = load_model(session.draft->path().string(),
                             "loading the draft model again", load);
  }
  return {other, ours};
}

// Checks, and where that fails names the tensors that may be the reason.
Selfcheck checked(const std::vector<SelfcheckPair>& pairs,
                  const SelfcheckOptions& checks, const Session& session) {
  try {
    return selfcheck(pairs, checks);
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    std::string what = error.what();
    for (const auto& model : {session.target, session.draft}) {
      if (model == nullptr) continue;
      for (const TensorFault& fault : check_weights(model->path())) {
        what += fmt::format("; {}: {}", model->path().string(),
                            tensor_fault_text(fault));
      }
    }
    throw Error(what);
  }
}

// Texts come from a server, and the target alone is loaded here.
Certificate certify_server(const SelfcheckFlags& options) {
  HttpTextServer server(options.server, options.api_key_file);
  DecodingOptions models = options.models;
  models.draft = "none";
  const Session session = open_session(models);
  server.meet(model_facts(session, models, ""));
  SelfcheckOptions checks = selfcheck_options(options, session);
  const SelfcheckPair model = {session.target, nullptr, session.threads};
  Progress progress("checking");
  checks.progress = [&](double done) { progress.update(done); };
  Certificate certificate = make_certificate(
      {model}, checks, check_server(server, model, session.tokenizer, checks));
  certificate.server = {server.url(), server.model(), server.fingerprint(),
                        server.acceptor(), server.drafters()};
  return certificate;
}

Certificate certify(const SelfcheckFlags& options) {
  if (!options.server.empty()) return certify_server(options);
  const Session session = open_session(options.models);
  SelfcheckOptions checks = selfcheck_options(options, session);
  const std::vector<SelfcheckPair> pairs = pairs_of(options, session);
  Progress progress("checking");
  checks.progress = [&](double done) { progress.update(done); };
  Selfcheck result = checked(pairs, checks, session);
  return make_certificate(pairs, checks, std::move(result));
}

void run_selfcheck(const SelfcheckFlags& options) {
  std::optional<PartialFile> report;  // refused before the work, if at all
  if (!options.report.empty()) report.emplace(options.report);
  const Certificate certificate = certify(options);
  write_out(options.json ? certificate_json(certificate)
                         : certificate_text(certificate, stdout_has_colours()));
  if (report) {
    const std::string text = certificate_markdown(certificate);
    report->write(text.data(), text.size());
    report->commit();
  }
  if (certificate.result.verdict != SelfcheckVerdict::kLossless) {
    // The text has ended with the summary already.
    throw Error(options.json ? summary(certificate.result)
                             : "selfcheck: not certified as lossless");
  }
}

}  // namespace

void add_selfcheck(CommandLine& line) {
  Command command =
      line.add_command("selfcheck",
                       "Prove on your models and machine that speculation is "
                       "lossless");
  const auto options = std::make_shared<SelfcheckFlags>();
  const FlagGroup group = command.group("Checks");
  const Flag quick = group.add_switch("--quick", options->quick,
                                      "Fewer checks, in half the time");
  group.add_switch("--full", options->full, "Many more texts, in many minutes")
      .excludes(quick);
  group
      .add("--trials", options->trials, "N",
           "Texts sampled for each drafter and sampling parameter (default "
           "600; 400 quick, 10000 full)")
      .in_range(100, 100000000);
  const Flag acceptors =
      group
          .add("--acceptors", options->acceptors, "NAME,NAME,...",
               "Acceptors, also a shared library of your own (default: all)")
          .comma_separated();
  group.add("--prompts", options->prompts_file, "FILE",
            "One prompt per line (default: the model's prompts.txt, or "
            "built-in ones)");
  add_seed_flag(group, options->seed,
                "Seed of the sampled texts; the same seed gives the same "
                "figures (default 0)");
  group.add("--report", options->report, "FILE",
            "Write the certificate, in Markdown, with machine and models");
  group.add_switch("--json", options->json, "One JSON object");
  add_model_pair_options(command, options->models);
  const FlagGroup through = command.group("Through a server");
  Flag server = through.add(
      "--server", options->server, "URL",
      "Check the texts of the pilotfish server at http://HOST:PORT, which "
      "serves the model that -m names");
  server.excludes(acceptors);
  for (const char* draft :
       {"--draft", "--draft-dtype", "--draft-layers", "--tp-draft"}) {
    server.excludes(command.flag(draft));
  }
  through
      .add("--api-key-file", options->api_key_file, "FILE",
           "Send the first key in this file")
      .needs({server});
  command.on_run([options] { run_selfcheck(*options); });
}

}  // namespace pilotfish::cli
