#include "backends/cluster/leader.h"

#include <utility>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

std::shared_ptr<Leader>& leader_of_process() {
  static std::shared_ptr<Leader> leader;
  return leader;
}

}  // namespace

std::shared_ptr<Leader> current_leader() { return leader_of_process(); }
void set_current_leader(std::shared_ptr<Leader> leader) {
  leader_of_process() = std::move(leader);
}

Leader::Leader(Transport& transport)
    : transport_(transport), exchange_(transport) {}

ObjectId Leader::new_id() {
  const std::lock_guard lock(mutex_);
  return ++last_id_;
}

double Leader::measure(const TimedGathers& gathers) {
  const auto put = [&](MessageWriter& message) {
    message.put(Command::kMeasure);
    message.put(gathers);
  };
  return act(put, [&] { return time_gathers(transport_, gathers); });
}

ClusterStatistics Leader::statistics() {
  ClusterStatistics all;
  const auto count_mine = [&] {
    const TimedExchange::Counted& mine = exchange_.counted();
    all.gathers = mine.gathers;
    all.bytes = mine.bytes;
    all.seconds = mine.seconds;
    all.waits = {{.gathers = mine.waited, .commands = 0}};
  };
  {
    const std::lock_guard lock(mutex_);
    if (is_over_) {
      count_mine();
      return all;
    }
  }
  const auto put = [](MessageWriter& message) {
    message.put(Command::kReportWaits);
  };
  for (const Bytes& answer : ask_and(put, count_mine)) {
    all.waits.push_back(MessageReader(answer).get<RankWaits>());
  }
  return all;
}

bool Leader::end() {
  const std::lock_guard lock(mutex_);
  if (is_over_) return false;
  is_over_ = true;
  try {
    message_.put(Command::kEnd);
    send();
  } catch (const std::exception&) {
    return false;
  }
  return true;
}

void Leader::on_loss(std::function<void()> handler) {
  const std::lock_guard lock(mutex_);
  on_loss_ = std::move(handler);
}

void Leader::note_loss(const std::string& what) {
  is_over_ = true;
  failure_ = what;
  if (on_loss_) on_loss_();
}

void Leader::check_is_alive() const {
  if (!failure_.empty()) throw Error(failure_);
  if (is_over_) throw Error("cluster: it has ended");
}

}  // namespace pilotfish
