#include "backends/cluster/forward.h"

#include <fmt/format.h>

#include <exception>
#include <string>
#include <utility>

#include "backends/cluster/identity.h"
#include "backends/cluster/kv_storage.h"
#include "backends/cluster/overlap.h"
#include "base/thread_team.h"
#include "model/kv_cache_access.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

[[noreturn]] void fail(const Leader& leader, int rank, const std::string& what,
                       bool is_usage_error) {
  const std::string line =
      fmt::format("rank {} on {}: {}", rank, leader.host(rank), what);
  if (is_usage_error) throw UsageError(line);
  throw Error(line);
}

template <typename T>
T read_answer(const Bytes& answer) {
  MessageReader reader(answer);
  return T::read(reader);
}

// Throws Error where another rank cannot compute what this one does.
void check_ranks_agree(Leader& leader, const Identity& mine,
                       const ModelOrder& order) {
  const auto answers = leader.ask([&](MessageWriter& message) {
    message.put(Command::kOpen);
    order.write(message);
  });
  for (int rank = 1; rank < order.ranks; ++rank) {
    const auto theirs =
        read_answer<Identity>(answers[static_cast<size_t>(rank - 1)]);
    const std::string found =
        difference(mine, theirs, order.options.mixed_instruction_sets);
    if (!found.empty()) fail(leader, rank, found, theirs.is_usage_error);
  }
}

}  // namespace

ClusterForward::ClusterForward(std::shared_ptr<Leader> leader, ObjectId id,
                               std::int64_t fewest_rows_to_overlap)
    : leader_(std::move(leader)),
      id_(id),
      fewest_rows_to_overlap_(fewest_rows_to_overlap) {}

ClusterForward::~ClusterForward() {
  leader_->enqueue([&](MessageWriter& message) {
    message.put(Command::kUnload);
    message.put(id_);
  });
}

std::unique_ptr<ForwardPass> ClusterForward::load(
    std::shared_ptr<const Checkpoint> checkpoint, const ModelConfig& config,
    const LoadOptions& options) {
  const std::shared_ptr<Leader> leader = current_leader();
  const int threads = options.threads->size();
  const ModelOrder order = {
      .id = leader->new_id(),
      .path = checkpoint->path().string(),
      .ranks = options.ranks == 0 ? leader->ranks() : options.ranks,
      .threads = threads == available_processors() ? 0 : threads,
      .options = options};
  check_ranks_agree(*leader, identify(*checkpoint, options.instruction_set),
                    order);
  std::unique_ptr<ClusterForward> forward(new ClusterForward(
      leader, order.id, fewest_rows_to_overlap(config, order.ranks, threads)));
  forward->load_everywhere(std::move(checkpoint), config, order, options);
  return forward;
}

// Each rank loads its shard, all at the same time.
void ClusterForward::load_everywhere(
    std::shared_ptr<const Checkpoint> checkpoint, const ModelConfig& config,
    const ModelOrder& order, const LoadOptions& options) {
  std::exception_ptr failure;
  const auto answers = leader_->ask_and(
      [&](MessageWriter& message) {
        message.put(Command::kLoad);
        order.write(message);
      },
      [&] {
        try {
          local_ = std::make_unique<CpuForward>(
              std::move(checkpoint), config, options,
              Shard(config, 0, order.ranks), leader_->exchange());
        } catch (const std::exception&) {
          failure = std::current_exception();
        }
      });
  if (failure) std::rethrow_exception(failure);
  shares_.push_back({.host = leader_->host(0),
                     .threads = options.threads->size(),
                     .weight_bytes = local_->weight_bytes(),
                     .resident_bytes = local_->resident_bytes()});
  for (int rank = 1; rank < order.ranks; ++rank) {
    const auto report =
        read_answer<LoadReport>(answers[static_cast<size_t>(rank - 1)]);
    if (!report.error.empty()) {
      fail(*leader_, rank, report.error, report.is_usage_error);
    }
    shares_.push_back({.host = leader_->host(rank),
                       .threads = report.threads,
                       .weight_bytes = report.weight_bytes,
                       .resident_bytes = report.resident_bytes});
  }
}

std::int64_t ClusterForward::weight_bytes() const {
  std::int64_t bytes = 0;
  for (const RankShare& share : shares_) bytes += share.weight_bytes;
  return bytes;
}

std::int64_t ClusterForward::resident_bytes() const {
  std::int64_t bytes = 0;
  for (const RankShare& share : shares_) bytes += share.resident_bytes;
  return bytes;
}

std::unique_ptr<KvStorage> ClusterForward::make_storage(
    const KvLayout& layout) const {
  const StorageOrder order = {leader_->new_id(), id_, layout};
  const auto answers = leader_->ask([&](MessageWriter& message) {
    message.put(Command::kMakeStorage);
    order.write(message);
  });
  // The others' parts go with this one, if any rank could not make its own.
  auto storage = std::make_unique<ClusterKvStorage>(
      local_->shard().kv_layout(layout), local_->team(), leader_, order.id,
      local_->shard().ranks());
  for (const Bytes& answer : answers) {
    if (MessageReader(answer).get<bool>()) continue;
    throw std::bad_alloc();
  }
  return storage;
}

ForwardOutput ClusterForward::run(const Batch& batch, KvCache& cache,
                                  std::int64_t layers) {
  const auto* const storage =
      dynamic_cast<const ClusterKvStorage*>(&KvCacheAccess(cache).storage());
  if (storage == nullptr || storage->ranks() != local_->shard().ranks()) {
    throw UsageError("forward: the KV cache was made for another model");
  }
  const Pass pass = local_->prepare(
      batch, cache, layers,
      /*overlaps_gathers=*/batch.rows() >= fewest_rows_to_overlap_);
  return leader_->act(
      [&](MessageWriter& message) {
        message.put(Command::kPass);
        PassOrder::write(id_, storage->id(), pass, message);
      },
      [&] { return local_->compute(pass, *storage); });
}

}  // namespace pilotfish
