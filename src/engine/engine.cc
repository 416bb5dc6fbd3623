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
#include "engine/reusing_scorer.h"
#include "pilotfish/error.h"
#include "pilotfish/scorer.h"
#include "speculative/loop/decoder.h"
#include "speculative/token_checks.h"
#include "text/utf8.h"

namespace pilotfish {
namespace {

EngineParts with_caches(std::shared_ptr<Model> target,
                        std::shared_ptr<Model> draft,
                        std::shared_ptr<const Tokenizer> tokenizer,
                        const EngineOptions& options) {
  EngineParts parts;
  KvCacheOptions cache = {.n_positions = options.n_positions,
                          .max_sequences = options.max_sequences,
                          .dtype = options.kv_dtype};
  parts.end_tokens = target->config().eos;
  parts.target = std::make_shared<ModelScorer>(std::move(target), cache);
  if (draft != nullptr) {
    // Past its own positions a draft guesses badly; there it stops drafting.
    cache.n_positions =
        std::min(parts.target->n_positions(), draft->config().n_positions);
    parts.draft = std::make_shared<ModelScorer>(std::move(draft), cache);
  }
  parts.tokenizer = std::move(tokenizer);
  return parts;
}

// Where `options` ask for it, one that keeps what released sequences encoded.
std::shared_ptr<Scorer> with_reuse(std::shared_ptr<Scorer> scorer,
                                   const EngineOptions& options) {
  if (scorer == nullptr || !options.reuse_prefixes) return scorer;
  return std::make_shared<ReusingScorer>(std::move(scorer),
                                         options.max_sequences);
}

std::int64_t checked_max_sequences(const EngineOptions& options) {
  if (options.max_sequences >= 1) return options.max_sequences;
  throw UsageError(fmt::format("max_sequences: {} is out of range; 1 or more",
                               options.max_sequences));
}

void check_stop_strings(const Request& request, const Tokenizer* tokenizer) {
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

}  // namespace

struct Engine::Impl {
  Impl(EngineParts given, const EngineOptions& engine)
      : parts(std::move(given)),
        max_sequences(checked_max_sequences(engine)),
        target(with_reuse(parts.target, engine)),
        draft(with_reuse(parts.draft, engine)),
        drafter(make_drafter(engine, *parts.target, draft.get())),
        decoder(
            *target, *drafter,
            engine.acceptor ? engine.acceptor : make_acceptor("block"),
            {.window = engine.window, .prefill_chunk = engine.prefill_chunk}) {}
  // The scorers may serve another engine afterwards.
  ~Impl() {
    for (const auto& job : active) decoder.retire(job->sequence());
  }

  Job* find(RequestId id) const;
  void require_known(RequestId id) const;
  void admit_waiting();
  void run_pass();
  void fail_active(const std::exception_ptr& failure);
  void deliver();
  void collect_finished();

  EngineParts parts;
  std::int64_t max_sequences;
  // Those of `parts`, which remember prefixes if the options say so.
  std::shared_ptr<Scorer> target;
  std::shared_ptr<Scorer> draft;
  std::unique_ptr<Drafter> drafter;
  SpeculativeDecoder decoder;

  RequestId next_id = 0;
  std::deque<std::unique_ptr<Job>> waiting;  // in order of submission
  std::vector<std::unique_ptr<Job>> active;  // in order of admission
  std::map<RequestId, Generation> finished;
  std::map<RequestId, std::exception_ptr> failed;
  bool delivering = false;  // callbacks are running
};

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
    waiting.front()->note_reuse(
        target->length(waiting.front()->sequence().target_id));
    active.push_back(std::move(waiting.front()));
    waiting.pop_front();
  }
}

void Engine::Impl::run_pass() {
  std::vector<Sequence*> sequences;
  for (const auto& job : active) sequences.push_back(&job->sequence());
  try {
    decoder.step(sequences);
  } catch (...) {
    fail_active(std::current_exception());
    throw;
  }
}

void Engine::Impl::fail_active(const std::exception_ptr& failure) {
  for (const auto& job : active) {
    decoder.retire(job->sequence());
    failed.emplace(job->id(), failure);
  }
  active.clear();
}

void Engine::Impl::deliver() {
  delivering = true;
  for (const auto& job : active) job->deliver();
  delivering = false;
  collect_finished();
}

void Engine::Impl::collect_finished() {
  const auto collect = [this](auto& jobs) {
    for (const auto& job : jobs) {
      if (!job->sequence().finished()) continue;
      decoder.retire(job->sequence());
      if (const std::exception_ptr failure = job->failure()) {
        failed.emplace(job->id(), failure);
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
    : Engine(with_caches(std::move(target), std::move(draft),
                         std::move(tokenizer), options),
             options) {}

Engine::Engine(EngineParts parts, const EngineOptions& options)
    : impl_(std::make_unique<Impl>(std::move(parts), options)) {}

Engine::~Engine() = default;

RequestId Engine::submit(Request request, OnPiece on_piece) {
  const EngineParts& parts = impl_->parts;
  check_stop_strings(request, parts.tokenizer.get());
  auto job = std::make_unique<Job>(impl_->next_id, std::move(request),
                                   parts.end_tokens, parts.tokenizer.get(),
                                   std::move(on_piece));
  check_fits(job->sequence(), parts.target->vocab_size(),
             parts.target->n_positions());
  impl_->waiting.push_back(std::move(job));
  return impl_->next_id++;
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
    std::rethrow_exception(failure.mapped());
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
  return static_cast<double>(impl_->parts.target->length(sequence.target_id)) /
         static_cast<double>(sequence.prompt_size());
}

Generation Engine::generate(Request request, const OnPiece& on_piece) {
  const RequestId id = submit(std::move(request), on_piece);
  while (impl_->find(id) != nullptr) step();
  return take(id).value();
}

std::int64_t Engine::n_positions() const {
  return impl_->parts.target->n_positions();
}

std::int64_t Engine::kv_cache_bytes() const {
  const EngineParts& parts = impl_->parts;
  return parts.target->cache_bytes() +
         (parts.draft ? parts.draft->cache_bytes() : 0);
}

const TokenAcceptor& Engine::acceptor() const {
  return impl_->decoder.acceptor();
}

}  // namespace pilotfish
