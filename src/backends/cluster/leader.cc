#include "backends/cluster/leader.h"

#include <chrono>
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

ClusterStatistics Leader::statistics() const {
  const std::lock_guard lock(mutex_);
  return exchange_.counted;
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

template <typename Function>
void Leader::TimedExchange::time(std::span<const std::int64_t> begins,
                                 const Function& function) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  function();
  const std::chrono::duration<double> taken = Clock::now() - start;
  ++counted.gathers;
  counted.bytes += begins.back();
  counted.seconds += taken.count();
}

void Leader::TimedExchange::all_gather(std::byte* data,
                                       std::span<const std::int64_t> begins) {
  time(begins, [&] { transport_.all_gather(data, begins); });
}

void Leader::TimedExchange::gather(std::byte* data,
                                   std::span<const std::int64_t> begins) {
  time(begins, [&] { transport_.gather(data, begins); });
}

}  // namespace pilotfish
