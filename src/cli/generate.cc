#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/generate_batch.h"
#include "cli/interrupt.h"
#include "cli/model_sampling.h"
#include "cli/options.h"
#include "cli/prompt.h"
#include "cli/prompt_file.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/text_writer.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

constexpr std::int64_t kMostSequences = 4096;

struct GenerateOptions {
  DecodingOptions decoding;
  PromptOptions prompt;
  std::int64_t samples = 1;
  std::int64_t parallel = 4;
  bool show_draft = false;
  bool json = false;
  bool model_defaults = false;
};

// One prompt: its text as it comes, or one object at the end. False if Ctrl-C
// ended it.
bool generate_one(const GenerateOptions& options, const Session& session,
                  Engine& engine, const Request& request) {
  InterruptFlag interrupt;
  TextWriter writer(session.tokenizer != nullptr, options.show_draft);
  OnPiece on_piece;
  if (!options.json) {
    on_piece = [&](const Piece& piece) {
      writer.write(piece);
      return !interrupt.raised();
    };
  }
  const RequestId id = engine.submit(request, on_piece);
  const Generation generation =
      run_request(engine, id, [&] { return interrupt.raised(); });
  writer.finish();
  if (options.json) {
    write_out(dump(generation_json(session, engine, request, generation)));
  } else {
    if (options.show_draft) print_note(writer.legend());
    print_note("\n" + statistics_text(session, engine,
                                      request.window.value_or(1), generation));
  }
  return !interrupt.raised();
}

// A text of many, as an object on a line of its own.
void print_json(const Session& session, const Engine& engine,
                const BatchText& text, const Generation* generation) {
  nlohmann::ordered_json json;
  if (generation != nullptr) {
    json = generation_json(session, engine, text.request, *generation);
  } else {
    json["error"] = text.error;
  }
  if (text.line) json["line"] = *text.line;
  if (text.sample) json["sample"] = *text.sample;
  write_out(dump(json));
}

// A sample for people to read, under a line that tells it from the others.
void print_sample(const Session& session, const BatchText& text,
                  const Generation& generation) {
  write_out(
      fmt::format("# seed {}\n{}\n\n", text.request.sampling.seed,
                  session.tokenizer
                      ? generation.text
                      : fmt::format("{}", fmt::join(generation.tokens, " "))));
}

// The texts of --prompts and --samples. A text that fails does so alone, and is
// told of at the end.
void generate_many(const GenerateOptions& options, const Session& session,
                   std::vector<BatchText> texts) {
  std::int64_t n_positions = 1;
  const std::int64_t most = session.target->config().n_positions;
  for (BatchText& text : texts) {
    if (!text.error.empty()) continue;
    const auto tokens = static_cast<std::int64_t>(text.request.prompt.size());
    if (text.line && tokens >= most &&
        options.decoding.compute.n_positions == 0) {
      // The others need no room as large as that.
      text.error = fmt::format(
          "prompt: {} tokens leave no room for another; n_positions is {}",
          tokens, most);
      continue;
    }
    n_positions = std::max(
        n_positions, positions_for(options.decoding, session, text.request));
  }
  const auto parallel =
      std::min(options.parallel, static_cast<std::int64_t>(texts.size()));
  Engine engine(session.target, session.draft, session.tokenizer,
                engine_options(session, n_positions, parallel));
  std::set<std::int64_t> failed;  // lines
  generate_batch(engine, texts,
                 [&](const BatchText& text, const Generation* generation) {
                   if (generation == nullptr) {
                     if (!text.line) std::rethrow_exception(text.thrown);
                     const std::int64_t line = *text.line;
                     // A bad line is told of once, however many texts it asks
                     // for.
                     if (!failed.insert(line).second) return;
                     print_note(fmt::format("pilotfish: {}, line {}: {}",
                                            options.prompt.prompts_file, line,
                                            text.error));
                   }
                   if (options.json) {
                     print_json(session, engine, text, generation);
                   } else {
                     print_sample(session, text, *generation);
                   }
                 });
  if (failed.empty()) return;
  throw Error(fmt::format("{}: no text for {} of its lines (above)",
                          options.prompt.prompts_file, failed.size()));
}

std::vector<BatchText> texts_of(const GenerateOptions& options,
                                const Session& session) {
  if (!options.prompt.prompts_file.empty()) {
    return texts_of(read_prompt_file(options.prompt, session, options.samples,
                                     options.decoding.constraint.json),
                    session, options.samples);
  }
  PromptLine line;
  line.request = session.request;
  line.request.prompt = read_prompt(options.prompt, session);
  line.samples = options.samples;
  std::vector<BatchText> texts = texts_of({line}, session, options.samples);
  for (BatchText& text : texts) text.line.reset();  // there is no file
  return texts;
}

void run_generate(const GenerateOptions& options, const Command& command) {
  if (!options.prompt.prompts_file.empty() && !options.json) {
    throw UsageError("--prompts needs --json: one line for each prompt");
  }
  DecodingOptions decoding = options.decoding;
  decoding.prompts_constrain = !options.prompt.prompts_file.empty();
  Session session = open_session(decoding);
  if (options.model_defaults) use_model_sampling(command, session);
  std::vector<BatchText> texts = texts_of(options, session);
  if (options.samples > 1 || !options.prompt.prompts_file.empty()) {
    return generate_many(options, session, std::move(texts));
  }
  const Request& request = texts.front().request;
  Engine engine(session.target, session.draft, session.tokenizer,
                engine_options(session, positions_for(options.decoding, session,
                                                      request)));
  if (!generate_one(options, session, engine, request)) {
    std::raise(SIGINT);  // a shell's loop over prompts must end too
  }
}

}  // namespace

void add_generate(CommandLine& line) {
  Command command = line.add_command(
      "generate", "Continue a prompt, with a draft model if there is one");
  const auto options = std::make_shared<GenerateOptions>();
  add_prompt_options(command, options->prompt);
  const FlagGroup output = command.group("Output");
  const Flag show =
      output.add_switch("--show-draft", options->show_draft,
                        "Show where each token came from: accepted from the "
                        "draft, recovered, bonus");
  const Flag json =
      output
          .add_switch("--json", options->json,
                      "One JSON object with ids, text, iterations and timings")
          .excludes(show);
  output
      .add("--logprobs", options->decoding.logprobs, "N",
           "With --json: the target's log-probability of each token, and those "
           "of the N most probable ones")
      .needs({json});
  Flag samples = output
                     .add("--samples", options->samples, "N",
                          "Draw N texts, with the seeds from --seed on")
                     .in_range(1, kMostSamples)
                     .excludes(show);
  output
      .add("--parallel", options->parallel, "N",
           "With --prompts and --samples: sequences decoded together (default "
           "4)")
      .in_range(1, kMostSequences)
      .needs({command.flag("--prompts"), samples});
  add_decoding_options(command, options->decoding);
  command.group(kSamplingHeading)
      .add_switch("--model-defaults", options->model_defaults,
                  "Sample as the model's generation_config.json recommends "
                  "(else greedy); other flags here override it")
      .stands_for(command.flag("--temperature"));
  // Greedy texts are all the same.
  samples.needs({command.flag("--temperature"), command.flag("--prompts")});
  // Its lines have schemas of their own.
  command.flag("--prompts").stands_for(command.flag("--json-schema"));
  command.on_run([options, command] { run_generate(*options, command); });
}

}  // namespace pilotfish::cli
