#include "cli/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <variant>

#include "cli/dtype_flags.h"
#include "cli/model_flag.h"
#include "cli/terminal.h"
#include "pilotfish/acceptor.h"
#include "pilotfish/error.h"
#include "pilotfish/threads.h"

namespace pilotfish::cli {
namespace {

// Makes paths of the models' names. The default target has a default draft.
void find_models(DecodingOptions& options) {
  if (options.compute.model.empty() && options.draft.empty()) {
    options.draft = shipped_model(kShippedDraft).value_or("none").string();
  }
  options.compute.model = target_path(options.compute.model);
  if (!options.draft.empty()) options.draft = draft_path(options.draft);
}

std::vector<DraftInput> inputs_given(const DecodingOptions& options) {
  std::vector<DraftInput> given;
  if (!options.draft.empty()) {
    given.push_back(DraftInput::kDraftModel);
  }
  const auto is_named = [&](const char* drafter) {
    return !options.drafter.empty() &&
           std::ranges::count(parse_drafters(options.drafter), drafter) > 0;
  };
  // What requests may bring.
  const auto served = [&](const char* drafter) {
    return options.serves && (options.drafter.empty() || is_named(drafter));
  };
  if (options.constraint.given() || served("grammar") ||
      (options.prompts_constrain && is_named("grammar"))) {
    given.push_back(DraftInput::kConstraint);
  }
  if (!options.prediction.empty() || served("prediction")) {
    given.push_back(DraftInput::kPrediction);
  }
  if (!options.corpus.empty()) given.push_back(DraftInput::kCorpus);
  return given;
}

// All that needs no tokens, and so no model.
EngineOptions engine_of(const DecodingOptions& options) {
  EngineOptions engine;
  engine.kv_dtype = kv_dtype_of(options.kv_dtype);
  engine.drafters = choose_drafters(options.drafter, inputs_given(options));
  engine.acceptor = options.synthetic_acceptance
                        ? make_synthetic_acceptor(*options.synthetic_acceptance)
                        : make_acceptor(options.acceptor);
  engine.tree_width = options.tree_width;
  check_tree(engine.tree_width, engine.drafters, *engine.acceptor);
  if (any_takes(engine.drafters, DraftInput::kLayers)) {
    engine.skip_layers = options.draft_layers;
  }
  return engine;
}

Request request_of(const DecodingOptions& options, bool drafts) {
  Request request;
  request.max_tokens = wanted_tokens("--max-tokens", options.max_tokens);
  request.sampling = sampling_params(options.sampling);
  request.stop_strings = options.stop_strings;
  request.stop_ids = options.stop_ids;
  request.ignore_eos = options.ignore_eos;
  request.constraint = constraint_of(options.constraint);
  request.window = drafts ? options.window : 1;
  request.logprobs = options.logprobs;
  return request;
}

Pair open_pair_of(const DecodingOptions& options, const EngineOptions& engine,
                  const std::shared_ptr<ThreadTeam>& threads) {
  OpenPairOptions pair;
  pair.target = options.compute.model;
  pair.load = load_options(options.compute);
  pair.load.threads = threads;
  pair.draft_dtype = dtype_of("--draft-dtype", options.draft_dtype);
  pair.draft_ranks = options.draft_ranks;
  if (any_takes(engine.drafters, DraftInput::kDraftModel)) {
    pair.draft = options.draft;
  }
  // The flag is the skip drafter's, where there is one.
  if (engine.skip_layers == 0) pair.draft_layers = options.draft_layers;
  std::optional<Progress> progress;
  std::optional<PairPart> loading;
  pair.progress = [&](PairPart part, double fraction) {
    if (loading != part) {
      progress.reset();
      progress.emplace(part == PairPart::kTarget ? "loading the target model"
                                                 : "loading the draft model");
      loading = part;
    }
    progress->update(fraction);
  };
  return open_pair(pair);
}

// Of the sampling parameters, those made of words.
void read_words(const SamplingOptions& options, Session& session) {
  using Words = std::vector<std::vector<Token>>;
  for (const SamplingField& field : kSamplingFields) {
    const auto* member = std::get_if<Words SamplingParams::*>(&field.member);
    const auto texts = options.lists.find(field.name);
    if (member == nullptr || texts == options.lists.end()) continue;
    for (const std::string& text : texts->second) {
      const std::string flag = fmt::format("--{}", field.flag());
      for (auto& word : usual_tokens(session.text(flag), text)) {
        (session.request.sampling.**member).push_back(std::move(word));
      }
    }
  }
}

void read_texts(const DecodingOptions& options, Session& session) {
  const auto tokens_of = [&](const std::string& file, const char* flag) {
    const Tokenizer& tokenizer = session.text(flag);  // before the file
    return plain_tokens(tokenizer, read_file(file));
  };
  if (!options.prediction.empty()) {
    session.request.prediction = tokens_of(options.prediction, "--prediction");
  }
  if (!options.corpus.empty()) {
    session.engine.corpus = tokens_of(options.corpus, "--corpus");
  }
  read_words(options.sampling, session);
}

void note_kept_matrices(const Model& model) {
  const std::int64_t kept = model.matrices_kept_in_bf16();
  if (kept == 0) return;
  print_note(fmt::format(
      "note: {}: {} {} stored in bf16, as the columns do not fill whole blocks "
      "of "
      "the type asked for (--strict-dtype refuses)",
      model.path().string(), kept, kept == 1 ? "matrix is" : "matrices are"));
}

void note_what_is_unusual(const DecodingOptions& options,
                          const Session& session) {
  const TokenAcceptor& acceptor = *session.engine.acceptor;
  if (!acceptor.lossless() && !session.synthetic) {
    print_note(fmt::format(
        "acceptor {} is lossy: the text's distribution is not the target's",
        acceptor.name()));
  }
  note_kept_matrices(*session.target);
  if (session.draft) note_kept_matrices(*session.draft);
  const std::int64_t made_for = session.target->config().n_positions;
  if (options.compute.n_positions > made_for) {
    print_note(fmt::format("note: the model was made for {} positions, not {}",
                           made_for, options.compute.n_positions));
  }
}

}  // namespace

LoadOptions load_options(const ComputeOptions& options) {
  LoadOptions load;
  load.dtype = dtype_of("--dtype", options.dtype);
  load.strict_dtype = options.strict_dtype;
  load.layers = options.n_layers;
  load.n_positions = options.n_positions;
  load.ranks = options.ranks;
  load.mixed_instruction_sets = options.mixed_isa;
  return load;
}

std::shared_ptr<ThreadTeam> start_threads(int count) {
  auto threads = make_threads(count);
  if (const int missing = missing_threads(*threads); missing > 0) {
    const int started = thread_count(*threads);
    print_note(fmt::format(
        "note: the system allows {} of {} threads (see `ulimit -u`, or the "
        "container's limit of processes); the text is the same",
        started, started + missing));
  }
  return threads;
}

std::shared_ptr<Model> load_model(const std::string& path,
                                  std::string_view label, LoadOptions options) {
  std::shared_ptr<Model> model;
  {
    Progress progress{std::string(label)};
    options.progress = [&](double fraction) { progress.update(fraction); };
    model = Model::load(path, options);
  }
  note_kept_matrices(*model);
  return model;
}

Session open_session(DecodingOptions options) {
  find_models(options);
  Session session;
  session.engine = engine_of(options);
  session.request = request_of(options, !session.engine.drafters.empty());
  session.synthetic = options.synthetic_acceptance.has_value();
  const auto threads = start_threads(options.compute.threads);
  session.threads = thread_count(*threads);
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  static_cast<Pair&>(session) = open_pair_of(options, session.engine, threads);
  session.load_seconds =
      std::chrono::duration<double>(Clock::now() - start).count();
  note_what_is_unusual(options, session);
  read_texts(options, session);
  return session;
}

std::int64_t positions_for(const DecodingOptions& options,
                           const Session& session,
                           const std::vector<std::vector<Token>>& prompts) {
  std::int64_t most = 1;
  for (const auto& prompt : prompts) {
    Request request = session.request;
    request.prompt = prompt;
    most = std::max(most, positions_for(options, session, request));
  }
  return most;
}

std::int64_t positions_for(const DecodingOptions& options,
                           const Session& session, const Request& request) {
  if (options.compute.n_positions != 0) return options.compute.n_positions;
  return positions_needed(session,
                          static_cast<std::int64_t>(request.prompt.size()),
                          request.max_tokens);
}

EngineOptions engine_options(const Session& session, std::int64_t n_positions,
                             std::int64_t max_sequences) {
  EngineOptions engine = session.engine;
  engine.n_positions = n_positions;
  engine.max_sequences = max_sequences;
  return engine;
}

Generation run_request(Engine& engine, RequestId id,
                       const std::function<bool()>& interrupted) {
  std::optional<Progress> progress("encoding the prompt");
  while (engine.step()) {
    const double encoded = engine.prompt_progress(id);
    if (encoded >= 1) {
      progress.reset();
    } else {
      progress->update(encoded);
    }
    if (interrupted && interrupted()) engine.cancel(id);
  }
  return engine.take(id).value();
}

std::string read_template(const std::string& file) {
  if (file.empty()) return "";
  std::string source = read_file(file);
  if (source.empty()) {
    throw Error(fmt::format("{}: is empty, expected a Jinja template", file));
  }
  return source;
}

ChatTemplate load_template(const Session& session,
                           const std::string& template_file) {
  return chat_template_of(session, read_template(template_file));
}

}  // namespace pilotfish::cli
