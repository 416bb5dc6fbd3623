#include "cli/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "cli/drafting.h"
#include "cli/terminal.h"
#include "pilotfish/error.h"
#include "pilotfish/threads.h"

namespace pilotfish::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultTarget = "pilotfish-stories";
constexpr const char* kDefaultDraft = "pilotfish-stories-draft";

// Where models that come with the program lie: installed, or in the source tree
// that holds build/<preset>/pilotfish, or here.
std::optional<std::string> shipped_model(const std::string& name) {
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  const fs::path folder = program.parent_path();
  for (const fs::path& models :
       {folder.parent_path() / "share" / "pilotfish" / "models",
        folder.parent_path().parent_path() / "models", fs::path("models")}) {
    if (fs::exists(models / name, ignored)) return (models / name).string();
  }
  return std::nullopt;
}

void find_default_models(DecodingOptions& options) {
  if (!options.compute.model.empty()) return;
  const auto target = shipped_model(kDefaultTarget);
  if (!target) {
    throw UsageError(fmt::format(
        "-m is missing: name a Hugging Face folder or a GGUF file (the default "
        "model, models/{}, is not there)",
        kDefaultTarget));
  }
  options.compute.model = *target;
  if (options.draft.empty()) {
    options.draft = shipped_model(kDefaultDraft).value_or("none");
  }
}

void load_draft(const DecodingOptions& options, const LoadOptions& shared,
                Session& session) {
  LoadOptions load = shared;
  load.dtype = dtype_of("--draft-dtype", options.draft_dtype);
  load.layers = options.draft_layers;
  session.draft = load_model(options.draft, "loading the draft model", load);
  if (options.draft == options.compute.model || !session.tokenizer) return;

  const auto tokenizer = Tokenizer::load_if_present(options.draft);
  if (!tokenizer) return;
  const std::string difference =
      tokenizer_difference(*session.tokenizer, *tokenizer);
  if (!difference.empty()) {
    throw UsageError(fmt::format("{} cannot draft for {}: {}", options.draft,
                                 options.compute.model, difference));
  }
}

// What needs the tokenizer. The corpus is text as it is, the prediction goes on
// from a prompt: neither begins with BOS.
void read_texts(const DecodingOptions& options, Session& session) {
  const auto tokens_of = [&](const std::string& file, const char* flag) {
    return session.text(flag).encode(
        read_file(file), {.add_special = false, .parse_special = false});
  };
  if (!options.prediction.empty()) {
    session.prediction = tokens_of(options.prediction, "--prediction");
  }
  if (!options.corpus.empty()) {
    session.corpus = tokens_of(options.corpus, "--corpus");
  }
  for (const std::string& text : options.sampling.bad_words) {
    if (text.empty()) throw UsageError("--bad-word: the text is empty");
    for (auto& word : usual_tokens(session.text("--bad-word"), text)) {
      session.sampling.bad_words.push_back(std::move(word));
    }
  }
}

}  // namespace

std::shared_ptr<Model> load_model(const std::string& path,
                                  std::string_view label, LoadOptions options) {
  Progress progress{std::string(label)};
  options.progress = [&](double fraction) { progress.update(fraction); };
  return Model::load(path, options);
}

const Tokenizer& Session::text(std::string_view need) const {
  if (tokenizer) return *tokenizer;
  throw UsageError(
      fmt::format("{}: has no tokenizer, which {} needs; give "
                  "token ids with --tokens",
                  target->path().string(), need));
}

Session open_session(DecodingOptions options) {
  find_default_models(options);
  if (options.max_tokens < 1 && options.max_tokens != -1) {
    throw UsageError(fmt::format(
        "--max-tokens: found {}, expected 1 or more, or -1 for as many as fit",
        options.max_tokens));
  }
  Session session;
  session.drafters = drafters_of(options);
  session.sampling = sampling_params(options.sampling);
  session.kv_dtype = kv_dtype_of(options.kv_dtype);
  session.synthetic = options.synthetic_acceptance.has_value();
  session.acceptor =
      session.synthetic ? make_synthetic_acceptor(*options.synthetic_acceptance)
                        : make_acceptor(options.acceptor);
  check_tree(options, *session.acceptor);
  session.tree_width = options.tree_width;
  if (!session.acceptor->lossless() && !session.synthetic) {
    print_note(fmt::format(
        "acceptor {} is lossy: the text's distribution is not the target's",
        session.acceptor->name()));
  }
  LoadOptions load;
  load.dtype = dtype_of("--dtype", options.compute.dtype);
  load.threads = make_threads(options.compute.threads);
  load.n_positions = options.compute.n_positions;
  session.threads = thread_count(*load.threads);

  session.tokenizer = Tokenizer::load_if_present(options.compute.model);
  session.target =
      load_model(options.compute.model, "loading the target model", load);
  if (options.compute.n_positions > session.target->config().n_positions) {
    print_note(fmt::format("note: the model was made for {} positions, not {}",
                           session.target->config().n_positions,
                           options.compute.n_positions));
  }
  read_texts(options, session);
  const auto drafts_with = [&](DrafterKind kind) {
    return std::ranges::count(session.drafters, kind) > 0;
  };
  if (drafts_with(DrafterKind::kSkip)) {
    session.skip_layers = std::exchange(options.draft_layers, 0);
  }
  if (drafts_with(DrafterKind::kModel)) load_draft(options, load, session);
  return session;
}

std::int64_t positions_for(const DecodingOptions& options,
                           const Session& session,
                           const std::vector<std::vector<Token>>& prompts) {
  if (options.compute.n_positions != 0) return options.compute.n_positions;
  const std::int64_t most = session.target->config().n_positions;
  if (options.max_tokens < 0 || options.max_tokens > most) return most;
  size_t longest = 0;
  for (const auto& prompt : prompts) longest = std::max(longest, prompt.size());
  return std::min(most,
                  options.max_tokens + static_cast<std::int64_t>(longest));
}

EngineOptions engine_options(const Session& session, std::int64_t n_positions,
                             std::int64_t max_sequences) {
  EngineOptions engine;
  engine.n_positions = n_positions;
  engine.max_sequences = max_sequences;
  engine.kv_dtype = session.kv_dtype;
  engine.acceptor = session.acceptor;
  engine.drafters = session.drafters;
  engine.skip_layers = session.skip_layers;
  engine.tree_width = session.tree_width;
  engine.corpus = session.corpus;
  return engine;
}

Request make_request(const Session& session, const DecodingOptions& options) {
  Request request;
  request.max_tokens = options.max_tokens == -1
                           ? std::numeric_limits<std::int64_t>::max()
                           : options.max_tokens;
  request.sampling = session.sampling;
  request.stop_strings = options.stop_strings;
  request.stop_ids = options.stop_ids;
  request.ignore_eos = options.ignore_eos;
  request.window = session.drafters.empty() ? 1 : options.window;
  request.prediction = session.prediction;
  request.logprobs = options.logprobs;
  return request;
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

ChatTemplate load_template(const Session& session,
                           const std::string& template_file) {
  const Tokenizer& tokenizer = session.text("a chat template");
  const std::string source = template_file.empty() ? tokenizer.chat_template()
                                                   : read_file(template_file);
  if (source.empty()) {
    throw UsageError(
        fmt::format("{}: has no chat template; give one with --template FILE",
                    session.target->path().string()));
  }
  const auto text = [&](std::optional<Token> token) {
    return token ? std::string(tokenizer.token_text(*token)) : std::string();
  };
  return ChatTemplate(source, text(tokenizer.bos()), text(tokenizer.eos()));
}

}  // namespace pilotfish::cli
