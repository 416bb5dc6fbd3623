#include <fmt/format.h>

#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/partial_file.h"
#include "cli/prompt.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/session_facts.h"
#include "cli/terminal.h"
#include "cli/trace_page.h"

namespace pilotfish::cli {
namespace {

struct TraceOptions {
  DecodingOptions decoding;
  PromptOptions prompt;
  std::string output;
  bool json = false;
};

Facts facts_of(const Session& session, const Request& request,
               const Generation& generation) {
  Facts facts = session_facts(session);
  facts.emplace_back("Window", window_text(request.window.value_or(1)));
  facts.emplace_back("Drafter", drafters_text(session.engine.drafters));
  facts.emplace_back("Acceptor", acceptor_text(session));
  facts.emplace_back("Sampling", sampling_text(request.sampling));
  facts.emplace_back("Ended by",
                     std::string(finish_reason_name(generation.finish_reason)));
  return facts;
}

void run(const TraceOptions& options) {
  PartialFile file(options.output);
  const Session session = open_session(options.decoding);
  Request request = session.request;
  request.prompt = read_prompt(options.prompt, session);
  request.keep_proposals = true;
  Engine engine(session.target, session.draft, session.tokenizer,
                engine_options(session, positions_for(options.decoding, session,
                                                      request)));
  std::optional<InterruptFlag> interrupt(std::in_place);
  const RequestId id = engine.submit(request);
  const Generation generation =
      run_request(engine, id, [&] { return interrupt->raised(); });
  file.write(trace_page({generation, request.prompt, session.tokenizer.get(),
                         models_text(session),
                         facts_of(session, request, generation)}));
  file.commit();
  if (options.json) {
    write_out(dump(generation_json(session, engine, request, generation)));
  } else {
    print_note(statistics_text(session, engine, request.window.value_or(1),
                               generation));
  }
  const bool interrupted = interrupt->raised();
  interrupt.reset();
  if (interrupted) std::raise(SIGINT);  // status 130, for scripts
}

}  // namespace

void add_trace(CommandLine& line) {
  Command command = line.add_command(
      "trace", "Continue a prompt, and show each pass on an HTML page");
  const auto options = std::make_shared<TraceOptions>();
  const FlagGroup output = command.group("Output");
  output.add("-o,--output", options->output, "FILE", "The HTML page to write")
      .required();
  output.add_switch("--json", options->json,
                    "Print one JSON object too, with what was drafted in each "
                    "pass");
  add_prompt_options(command, options->prompt, /*several=*/false);
  add_decoding_options(command, options->decoding);
  command.on_run([options] { run(*options); });
}

}  // namespace pilotfish::cli
