#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/model_sampling.h"
#include "cli/options.h"
#include "cli/prompt.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/text_writer.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

struct GenerateOptions {
  DecodingOptions decoding;
  PromptOptions prompt;
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

// Many prompts: one line of JSON each, in their order, as soon as it and those
// before it are done.
void generate_many(const Session& session, Engine& engine,
                   const std::vector<Request>& requests) {
  std::vector<RequestId> ids;
  for (const Request& request : requests) ids.push_back(engine.submit(request));
  size_t done = 0;
  bool more = true;
  while (more) {
    more = engine.step();
    while (done < ids.size()) {
      const auto generation = engine.take(ids[done]);
      if (!generation) break;
      write_out(
          dump(generation_json(session, engine, requests[done], *generation)));
      ++done;
    }
  }
}

void run_generate(const GenerateOptions& options, const Command& command) {
  const bool batch = !options.prompt.prompts_file.empty();
  if (batch && !options.json) {
    throw UsageError("--prompts needs --json: one line for each prompt");
  }
  Session session = open_session(options.decoding);
  if (options.model_defaults) use_model_sampling(command, session);
  const auto prompts = read_prompts(options.prompt, session);
  std::vector<Request> requests;
  for (const std::vector<Token>& prompt : prompts) {
    Request request = session.request;
    request.prompt = prompt;
    requests.push_back(std::move(request));
  }
  Engine engine(
      session.target, session.draft, session.tokenizer,
      engine_options(session, positions_for(options.decoding, session, prompts),
                     batch ? options.parallel : 1));
  if (batch) {
    generate_many(session, engine, requests);
  } else if (!generate_one(options, session, engine, requests.front())) {
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
      .needs(json);
  output.add("--parallel", options->parallel, "N",
             "With --prompts: sequences decoded together (default 4)");
  add_decoding_options(command, options->decoding);
  command.group(kSamplingHeading)
      .add_switch("--model-defaults", options->model_defaults,
                  "Sample as the model's generation_config.json recommends "
                  "(else greedy); other flags here override it");
  command.on_run([options, command] { run_generate(*options, command); });
}

}  // namespace pilotfish::cli
