#include "pilotfish/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <deque>
#include <exception>
#include <map>
#include <utility>

#include "engine/drafters.h"
#include "engine/job.h"
#include "pilotfish/error.h"
#include "pilotfish/scorer.h"
#include "speculative/loop/decoder.h"
#include "text/utf8.h"

namespace pilotfish {
namespace {

KvCacheOptions cache_options(std::int64_t n_positions,
                             const EngineOptions& options) {
  return {.n_positions = n_positions,
          .max_sequences = options.max_sequences,
          .dtype = options.kv_dtype};
}

}  // namespace

struct Engine::Impl {
  Impl(std::shared_ptr<Model> target_model, std::shared_ptr<Model> draft_model,
       std::shared_ptr<const Tokenizer> text, const EngineOptions& engine)
      : n_positions(engine.n_positions == 0 ? target_model->config().n_positions
                                            : engine.n_positions),
        model(std::move(target_model)),
        tokenizer(std::move(text)),
        max_sequences(engine.max_sequences),
        target(model, cache_options(n_positions, engine)),
        draft(make_draft(std::move(draft_model), engine)),
        drafter(make_drafter(engine, target, draft.get())),
        decoder(
            target, *drafter,
            engine.acceptor ? engine.acceptor : make_acceptor("block"),
            {.window = engine.window, .prefill_chunk = engine.prefill_chunk}) {}

  std::unique_ptr<ModelScorer> make_draft(std::shared_ptr<Model> draft_model,
                                          const EngineOptions& engine) const {
    if (draft_model == nullptr) return nullptr;
    // Past its own positions a draft guesses badly; there it stops drafting.
    const KvCacheOptions cache = cache_options(
        std::min(n_positions, draft_model->config().n_positions), engine);
    return std::make_unique<ModelScorer>(std::move(draft_model), cache);
  }

  void check(const Request& request) const;
  Job* find(RequestId id) const;
  void require_known(RequestId id) const;
  void admit_waiting();
  void run_pass();
  void fail_active(const std::string& message);
  void deliver();
  void collect_finished();

  std::int64_t n_positions;
  std::shared_ptr<Model> model;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::int64_t max_sequences;
  ModelScorer target;
  std::unique_ptr<ModelScorer> draft;  // null: none
  std::unique_ptr<Drafter> drafter;
  SpeculativeDecoder decoder;

  RequestId next_id = 0;
  std::deque<std::unique_ptr<Job>> waiting;  // in order of submission
  std::vector<std::unique_ptr<Job>> active;  // in order of admission
  std::map<RequestId, Generation> finished;
  std::map<RequestId, std::string> failed;  // with the message
  bool delivering = false;                  // callbacks are running
};

void Engine::Impl::check(const Request& request) const {
  const auto check_token = [&](Token token, std::string_view what) {
    if (token < 0 || token >= model->config().vocab_size) {
      throw UsageError(
          fmt::format("{} {} is not a token: the model's vocabulary is 0 to {}",
                      what, token, model->config().vocab_size - 1));
    }
  };
  const auto prompt = static_cast<std::int64_t>(request.prompt.size());
  if (prompt >= n_positions) {
    throw UsageError(fmt::format(
        "the prompt has {} tokens and leaves no room for one more: n_positions "
        "is {}",
        prompt, n_positions));
  }
  for (const Token token : request.prompt) check_token(token, "prompt token");
  for (const Token token : request.stop_ids) check_token(token, "stop id");
  const SamplingParams& sampling = request.sampling;
  for (const auto& bias : sampling.logit_bias) {
    check_token(bias.first, "logit_bias: id");
  }
  const auto check_all = [&](const std::vector<Token>& tokens,
                             std::string_view what) {
    for (const Token token : tokens) check_token(token, what);
  };
  check_all(sampling.allowed_tokens, "allowed token");
  check_all(sampling.banned_tokens, "banned token");
  for (const auto& word : sampling.bad_words) check_all(word, "bad word: id");
  check_all(request.prediction, "predicted token");
  if (request.stop_strings.empty()) return;
  if (tokenizer == nullptr) {
    throw UsageError("stop strings need a tokenizer, and the model has none");
  }
  for (const std::string& stop : request.stop_strings) {
    if (stop.empty() || !is_valid_utf8(stop)) {
      throw UsageError("a stop string is empty or not valid UTF-8");
    }
  }
}

Job* Engine::Impl::find(RequestId id) const {
  const auto is_it = [id](const auto& job) { return job->id() == id; };
  if (const auto job = std::find_if(active.begin(), active.end(), is_it);
      job != active.end()) {
    return job->get();
  }
  const auto job = std::find_if(waiting.begin(), waiting.end(), is_it);
  return job == waiting.end() ? nullptr : job->get();
}

void Engine::Impl::require_known(RequestId id) const {
  if (find(id) == nullptr && !finished.contains(id) && !failed.contains(id)) {
    throw UsageError(fmt::format(
        "request {} is not known: never submitted, or taken already", id));
  }
}

void Engine::Impl::admit_waiting() {
  while (!waiting.empty() &&
         static_cast<std::int64_t>(active.size()) < max_sequences) {
    decoder.admit(waiting.front()->sequence());
    active.push_back(std::move(waiting.front()));
    waiting.pop_front();
  }
}

void Engine::Impl::run_pass() {
  std::vector<Sequence*> sequences;
  for (const auto& job : active) sequences.push_back(&job->sequence());
  try {
    decoder.step(sequences);
  } catch (const std::exception& error) {
    fail_active(error.what());
    throw;
  }
}

void Engine::Impl::fail_active(const std::string& message) {
  for (const auto& job : active) {
    decoder.retire(job->sequence());
    failed.emplace(job->id(), message);
  }
  active.clear();
}

void Engine::Impl::deliver() {
  std::exception_ptr thrown;
  delivering = true;
  for (const auto& job : active) {
    try {
      job->deliver();
    } catch (...) {
      thrown = std::current_exception();
    }
  }
  delivering = false;
  collect_finished();
  if (thrown) std::rethrow_exception(thrown);
}

void Engine::Impl::collect_finished() {
  const auto collect = [this](auto& jobs) {
    for (const auto& job : jobs) {
      if (!job->sequence().finished()) continue;
      decoder.retire(job->sequence());
      if (const auto& failure = job->sequence().failure()) {
        failed.emplace(job->id(), *failure);
      } else {
        finished.emplace(job->id(), job->result());
      }
    }
    std::erase_if(jobs,
                  [](const auto& job) { return job->sequence().finished(); });
  };
  collect(active);
  collect(waiting);
}

Engine::Engine(std::shared_ptr<Model> target, std::shared_ptr<Model> draft,
               std::shared_ptr<const Tokenizer> tokenizer,
               const EngineOptions& options)
    : impl_(std::make_unique<Impl>(std::move(target), std::move(draft),
                                   std::move(tokenizer), options)) {}

Engine::~Engine() = default;

RequestId Engine::submit(Request request, OnPiece on_piece) {
  impl_->check(request);
  const RequestId id = impl_->next_id++;
  impl_->waiting.push_back(
      std::make_unique<Job>(id, std::move(request), impl_->model->config().eos,
                            impl_->tokenizer.get(), std::move(on_piece)));
  return id;
}

bool Engine::step() {
  assert(!impl_->delivering && "step called from a callback");
  impl_->admit_waiting();
  if (impl_->active.empty()) return false;
  impl_->run_pass();
  impl_->deliver();
  return !impl_->active.empty() || !impl_->waiting.empty();
}

std::optional<Generation> Engine::take(RequestId id) {
  impl_->require_known(id);
  if (const auto failure = impl_->failed.extract(id)) {
    throw Error(failure.mapped());
  }
  if (auto result = impl_->finished.extract(id)) {
    return std::move(result.mapped());
  }
  return std::nullopt;
}

void Engine::cancel(RequestId id) {
  impl_->require_known(id);
  Job* const job = impl_->find(id);
  if (job == nullptr) return;
  job->cancel();
  if (!impl_->delivering) impl_->collect_finished();
}

double Engine::prompt_progress(RequestId id) const {
  impl_->require_known(id);
  const Job* const job = impl_->find(id);
  if (job == nullptr || job->sequence().generated_size() > 0) return 1;
  const Sequence& sequence = job->sequence();
  if (sequence.target_id < 0) return 0;
  return static_cast<double>(impl_->target.length(sequence.target_id)) /
         static_cast<double>(sequence.prompt_size());
}

Generation Engine::generate(Request request, const OnPiece& on_piece) {
  const RequestId id = submit(std::move(request), on_piece);
  while (impl_->find(id) != nullptr) step();
  return take(id).value();
}

std::int64_t Engine::n_positions() const { return impl_->n_positions; }

std::int64_t Engine::kv_cache_bytes() const {
  return impl_->target.cache().bytes() +
         (impl_->draft ? impl_->draft->cache().bytes() : 0);
}

const TokenAcceptor& Engine::acceptor() const {
  return impl_->decoder.acceptor();
}

}  // namespace pilotfish
