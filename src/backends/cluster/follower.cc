#include "backends/cluster/follower.h"

#include <chrono>
#include <new>
#include <utility>

#include "backends/cluster/identity.h"
#include "backends/cluster/measure.h"
#include "base/thread_team.h"
#include "model/config.h"
#include "pilotfish/cluster.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using Clock = std::chrono::steady_clock;

// What an answer says of an exception.
template <typename Answer, typename Function>
Answer answer_of(const Function& function) {
  Answer answer;
  try {
    return function();
  } catch (const UsageError& error) {
    answer.error = error.what();
    answer.is_usage_error = true;
  } catch (const std::bad_alloc&) {
    answer.error = "not enough memory for this rank's share of the model";
  } catch (const std::exception& error) {
    answer.error = error.what();
  }
  return answer;
}

}  // namespace

void Follower::run() {
  while (true) {
    const Clock::time_point start = Clock::now();
    const Bytes bytes = transport_.next_command();
    const std::chrono::duration<double> waited = Clock::now() - start;
    waited_since_pass_ += waited.count();
    MessageReader message(bytes);
    while (!message.at_end()) {
      if (!obey(message)) return;
    }
  }
}

bool Follower::obey(MessageReader& message) {
  switch (message.get<Command>()) {
    case Command::kOpen:
      open(ModelOrder::read(message));
      break;
    case Command::kLoad:
      load(ModelOrder::read(message));
      break;
    case Command::kUnload:
      models_.erase(message.get<ObjectId>());
      break;
    case Command::kMakeStorage:
      make_storage(StorageOrder::read(message));
      break;
    case Command::kDropStorage:
      storages_.erase(message.get<ObjectId>());
      break;
    case Command::kCopyBlock: {
      KvStorage* const storage = find_storage(message.get<ObjectId>());
      const auto from = message.get<KvBlock>();
      const auto to = message.get<KvBlock>();
      if (storage != nullptr) storage->copy_block(from, to);
      break;
    }
    case Command::kCopySlot: {
      KvStorage* const storage = find_storage(message.get<ObjectId>());
      const auto from = message.get<KvSlot>();
      const auto to = message.get<KvSlot>();
      if (storage != nullptr) storage->copy_slot(from, to);
      break;
    }
    case Command::kClearBlock: {
      KvStorage* const storage = find_storage(message.get<ObjectId>());
      const auto block = message.get<KvBlock>();
      if (storage != nullptr) storage->clear_block(block);
      break;
    }
    case Command::kPass:
      compute(message);
      break;
    case Command::kMeasure:
      time_gathers(transport_, message.get<TimedGathers>());
      break;
    case Command::kReportWaits:
      report_waits();
      break;
    case Command::kEnd:
      return false;
  }
  return true;
}

void Follower::reply(const auto& answer) {
  MessageWriter message;
  answer.write(message);
  transport_.answer(message.bytes());
}

void Follower::open(const ModelOrder& order) {
  opened_ = nullptr;
  auto identity = answer_of<Identity>([&] {
    if (transport_.rank() >= order.ranks) return Identity{};
    opened_ = Checkpoint::open(order.path);
    return identify(*opened_, order.options.instruction_set);
  });
  identity.build = build_identity();
  reply(identity);
}

void Follower::load(const ModelOrder& order) {
  reply(answer_of<LoadReport>([&] { return load_shard(order); }));
}

LoadReport Follower::load_shard(const ModelOrder& order) {
  const int rank = transport_.rank();
  if (rank >= order.ranks) return {};
  LoadOptions options = order.options;
  options.threads = team(order.threads);
  const auto checkpoint = std::exchange(opened_, nullptr);
  const ModelConfig config = read_config(*checkpoint, options.layers);
  const auto& forward = models_[order.id] = std::make_unique<CpuForward>(
      checkpoint, config, options, Shard(config, rank, order.ranks), exchange_);
  return {.error = {},
          .is_usage_error = false,
          .weight_bytes = forward->weight_bytes(),
          .resident_bytes = forward->resident_bytes(),
          .threads = options.threads->size()};
}

std::shared_ptr<ThreadTeam> Follower::team(int threads) {
  if (threads == 0) threads = available_processors();
  if (team_ == nullptr || team_->size() != threads) {
    team_ = make_threads(threads);
  }
  return team_;
}

void Follower::make_storage(const StorageOrder& order) {
  bool is_there = true;
  try {
    const auto model = models_.find(order.model);
    if (model != models_.end()) {
      storages_[order.id] = model->second->make_storage(order.layout);
    }
  } catch (const std::bad_alloc&) {
    is_there = false;
  }
  MessageWriter message;
  message.put(is_there);
  transport_.answer(message.bytes());
}

CpuKvStorage* Follower::find_storage(ObjectId id) const {
  const auto storage = storages_.find(id);
  return storage == storages_.end()
             ? nullptr
             : static_cast<CpuKvStorage*>(storage->second.get());
}

void Follower::compute(MessageReader& message) {
  // Before the first pass it waited for models that were loaded.
  if (has_computed_) waited_ += waited_since_pass_;
  waited_since_pass_ = 0;
  has_computed_ = true;
  pass_.read(message);
  const auto model = models_.find(pass_.model());
  if (model == models_.end()) return;
  const CpuKvStorage& storage = *find_storage(pass_.storage());
  const Pass pass = pass_.pass();
  model->second->reserve(pass, storage);
  model->second->compute(pass, storage);
}

void Follower::report_waits() {
  MessageWriter message;
  message.put(
      RankWaits{.gathers = exchange_.counted().waited, .commands = waited_});
  transport_.answer(message.bytes());
}

}  // namespace pilotfish
