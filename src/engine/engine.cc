#include "pilotfish/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <exception>
#include <map>
#include <utility>

#include "engine/constraint_rules.h"
#include "engine/drafters.h"
#include "engine/job.h"
#include "engine/prefix_cache.h"
#include "engine/scheduler.h"
#include "pilotfish/drafters.h"
#include "pilotfish/error.h"
#include "pilotfish/scorer.h"
#include "speculative/loop/decoder.h"
#include "speculative/token_checks.h"
#include "text/utf8.h"

namespace pilotfish {
namespace {

// How many blocks the memory has room for, in the caches of both models; 0:
// nothing was said about memory.
std::int64_t blocks_for(const Model& target, const Model* draft,
                        KvCacheOptions cache, std::int64_t memory) {
  if (memory == 0) return 0;
  cache.max_sequences = 1;
  const std::int64_t n_positions =
      cache.n_positions > 0 ? cache.n_positions : target.config().n_positions;
  const std::int64_t full =
      (n_positions + KvCache::kBlockSize - 1) / KvCache::kBlockSize;
  std::int64_t bytes = KvCache::bytes_needed(target.config(), cache);
  if (draft != nullptr) {
    cache.n_positions = n_positions;
    bytes += KvCache::bytes_needed(draft->config(), cache);
  }
  if (memory < bytes) {
    throw UsageError(fmt::format(
        "kv_memory: {} bytes; one sequence with {} positions needs {}; give "
        "more, or lower n_positions",
        memory, n_positions, bytes));
  }
  return memory / (bytes / full);
}

EngineParts with_caches(std::shared_ptr<Model> target,
                        std::shared_ptr<Model> draft,
                        std::shared_ptr<const Tokenizer> tokenizer,
                        const EngineOptions& options) {
  EngineParts parts;
  KvCacheOptions cache = {.n_positions = options.n_positions,
                          .max_sequences = options.max_sequences,
                          .dtype = options.kv_dtype};
  cache.blocks = blocks_for(*target, draft.get(), cache, options.kv_memory);
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
  if (scorer == nullptr || !options.reuse_prefixes || !scorer->can_fork()) {
    return scorer;
  }
  return std::make_shared<PrefixCache>(std::move(scorer));
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
        rules(parts.tokenizer),
        target(with_reuse(parts.target, engine)),
        draft(with_reuse(parts.draft, engine)),
        drafters(names_of_drafters(engine, draft != nullptr)),
        tree_width(engine.tree_width),
        drafter(make_drafter(engine, *parts.target, draft.get())),
        decoder(*target, *drafter,
                engine.acceptor ? engine.acceptor : make_acceptor("block"),
                {.window = engine.window,
                 .prefill_chunk = engine.prefill_chunk,
                 .mixed_chunk = engine.mixed_chunk}),
        scheduler(decoder, *target, checked_max_sequences(engine),
                  target != parts.target) {}

  std::unique_ptr<Job> make_job(RequestId id, Request request,
                                OnPiece on_piece) const;
  std::uint32_t sources_of(const Request& request) const;
  void check_tree_width(const Request& request) const;
  void require_known(RequestId id) const;
  void run_pass();
  void fail_active(const std::exception_ptr& failure);
  void deliver();
  void deliver_complete();
  void collect_finished();

  EngineParts parts;
  mutable ConstraintRules rules;
  // Those of `parts`, which remember prefixes if the options say so.
  std::shared_ptr<Scorer> target;
  std::shared_ptr<Scorer> draft;
  std::vector<std::string> drafters;  // their names, in order of preference
  std::int64_t tree_width;
  std::unique_ptr<Drafter> drafter;
  SpeculativeDecoder decoder;
  Scheduler scheduler;

  RequestId next_id = 0;
  std::int64_t generated_tokens = 0;
  std::map<RequestId, Generation> finished;
  std::map<RequestId, std::exception_ptr> failed;
  bool delivering = false;  // callbacks are running
};

// A bit for each drafter that may draft. Throws UsageError for one that is not
// there.
std::uint32_t Engine::Impl::sources_of(const Request& request) const {
  if (!request.drafters) return ~std::uint32_t{0};
  std::uint32_t sources = 0;
  for (const std::string& name : *request.drafters) {
    const auto found = std::ranges::find(drafters, name);
    if (found == drafters.end()) {
      throw UsageError(fmt::format("drafter {}: this engine has {}", name,
                                   drafters_text(drafters)));
    }
    sources |= std::uint32_t{1} << (found - drafters.begin());
  }
  return sources;
}

void Engine::Impl::check_tree_width(const Request& request) const {
  const std::int64_t wanted = request.tree_width.value_or(1);
  if (wanted >= 1 && wanted <= tree_width) return;
  throw UsageError(fmt::format(
      "tree_width: {} is out of range; this engine has 1 (a chain) up to {}",
      wanted, tree_width));
}

// Throws UsageError for a request that cannot run.
std::unique_ptr<Job> Engine::Impl::make_job(RequestId id, Request request,
                                            OnPiece on_piece) const {
  check_stop_strings(request, parts.tokenizer.get());
  check_tree_width(request);
  const std::uint32_t sources = sources_of(request);
  if (sources == 0) request.window = 1;
  auto rule = rules.rule_for(request.constraint);
  auto job = std::make_unique<Job>(id, std::move(request), sources,
                                   std::move(rule), parts.end_tokens,
                                   parts.tokenizer.get(), std::move(on_piece));
  Sequence& sequence = job->sequence();
  const std::int64_t n_positions = parts.target->n_positions();
  if (sequence.resumed_size() > 0 && sequence.size() == n_positions &&
      !sequence.finished()) {
    sequence.finish(FinishReason::kNPositions);
  }
  check_fits(sequence, parts.target->vocab_size(), n_positions);
  return job;
}

void Engine::Impl::require_known(RequestId id) const {
  if (!finished.contains(id) && !failed.contains(id) &&
      scheduler.find(id) == nullptr) {
    throw UsageError(fmt::format(
        "request {} is not known: never submitted, or taken already", id));
  }
}

void Engine::Impl::run_pass() {
  std::vector<Sequence*> sequences;
  for (const auto& job : scheduler.active()) {
    sequences.push_back(&job->sequence());
  }
  try {
    decoder.step(sequences);
  } catch (...) {
    fail_active(std::current_exception());
    throw;
  }
}

void Engine::Impl::fail_active(const std::exception_ptr& failure) {
  for (const auto& job : scheduler.take_active()) {
    failed.emplace(job->id(), failure);
  }
}

void Engine::Impl::deliver() {
  delivering = true;
  for (const auto& job : scheduler.active()) {
    generated_tokens += job->deliver();
  }
  delivering = false;
  collect_finished();
}

// Texts that are resumed at their end wait for no pass.
void Engine::Impl::deliver_complete() {
  delivering = true;
  // By place: a callback may submit more, which moves the others back.
  for (size_t i = 0; i < scheduler.queue().size(); ++i) {
    Job& job = *scheduler.queue()[i];
    if (job.sequence().finished()) job.deliver_rest();
  }
  delivering = false;
  collect_finished();
}

void Engine::Impl::collect_finished() {
  for (const auto& job : scheduler.take_finished()) {
    if (const std::exception_ptr failure = job->failure()) {
      failed.emplace(job->id(), failure);
    } else {
      finished.emplace(job->id(), job->result());
    }
  }
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
  const RequestId id = impl_->next_id;
  impl_->scheduler.add(
      impl_->make_job(id, std::move(request), std::move(on_piece)));
  return impl_->next_id++;
}

void Engine::check(const Request& request) const {
  impl_->make_job(-1, request, nullptr);
}

bool Engine::step() {
  assert(!impl_->delivering && "step called from a callback");
  impl_->deliver_complete();
  impl_->scheduler.prepare();
  impl_->collect_finished();  // those that could not be admitted
  if (impl_->scheduler.active().empty()) return false;
  impl_->run_pass();
  impl_->deliver();
  return !impl_->scheduler.empty();
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

std::vector<RequestId> Engine::ended() const {
  std::vector<RequestId> ids;
  for (const auto& [id, result] : impl_->finished) ids.push_back(id);
  for (const auto& [id, failure] : impl_->failed) ids.push_back(id);
  return ids;
}

void Engine::cancel(RequestId id) {
  impl_->require_known(id);
  Job* const job = impl_->scheduler.find(id);
  if (job == nullptr) return;
  job->cancel();
  if (!impl_->delivering) impl_->collect_finished();
}

double Engine::prompt_progress(RequestId id) const {
  impl_->require_known(id);
  const Job* const job = impl_->scheduler.find(id);
  if (job == nullptr || job->sequence().generated_size() > 0) return 1;
  const Sequence& sequence = job->sequence();
  if (sequence.target_id < 0) return 0;
  return static_cast<double>(impl_->parts.target->length(sequence.target_id)) /
         static_cast<double>(sequence.prompt_size());
}

Generation Engine::generate(Request request, const OnPiece& on_piece) {
  const RequestId id = submit(std::move(request), on_piece);
  while (impl_->scheduler.find(id) != nullptr) {
    try {
      step();
    } catch (...) {
      impl_->failed.erase(id);  // nobody will take it
      throw;
    }
  }
  return take(id).value();
}

std::int64_t Engine::n_positions() const {
  return impl_->parts.target->n_positions();
}

std::int64_t Engine::max_sequences() const {
  return impl_->scheduler.max_sequences();
}

std::int64_t Engine::kv_cache_bytes() const {
  const EngineParts& parts = impl_->parts;
  return parts.target->cache_bytes() +
         (parts.draft ? parts.draft->cache_bytes() : 0);
}

std::span<const std::string> Engine::drafters() const {
  return impl_->drafters;
}

EngineStatus Engine::status() const {
  const Scheduler& scheduler = impl_->scheduler;
  EngineStatus status = {.running = std::ssize(scheduler.active()),
                         .waiting = scheduler.waiting(),
                         .generated_tokens = impl_->generated_tokens};
  for (const auto& job : scheduler.active()) {
    status.running_tokens += impl_->target->length(job->sequence().target_id);
  }
  if (const auto* kept = dynamic_cast<PrefixCache*>(impl_->target.get())) {
    status.kept_tokens = kept->kept_tokens();
  }
  return status;
}

const TokenAcceptor& Engine::acceptor() const {
  return impl_->decoder.acceptor();
}

}  // namespace pilotfish
