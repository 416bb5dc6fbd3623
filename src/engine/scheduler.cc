#include "engine/scheduler.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

namespace pilotfish {
namespace {

// Moves the jobs that `is_it` accepts to the end of `to`.
template <typename Predicate>
void move_if(Scheduler::Jobs& from, Scheduler::Jobs& to,
             const Predicate& is_it) {
  const auto first = std::stable_partition(
      from.begin(), from.end(), [&](const auto& job) { return !is_it(*job); });
  to.insert(to.end(), std::make_move_iterator(first),
            std::make_move_iterator(from.end()));
  from.erase(first, from.end());
}

}  // namespace

Scheduler::Scheduler(SpeculativeDecoder& decoder, Scorer& target,
                     std::int64_t max_sequences, bool shares_prefixes)
    : decoder_(decoder),
      target_(target),
      max_sequences_(max_sequences),
      shares_prefixes_(shares_prefixes) {}

Scheduler::~Scheduler() { take_active(); }

bool Scheduler::comes_before(const Job& a, const Job& b) {
  if (a.priority() != b.priority()) return a.priority() > b.priority();
  return a.id() < b.id();
}

void Scheduler::add(std::unique_ptr<Job> job) {
  const auto place = std::ranges::upper_bound(
      waiting_, *job, comes_before,
      [](const auto& other) -> const Job& { return *other; });
  waiting_.insert(place, std::move(job));
}

Job* Scheduler::find(RequestId id) const {
  for (const Jobs* jobs : {&active_, &waiting_}) {
    const auto found =
        std::ranges::find(*jobs, id, [](const auto& job) { return job->id(); });
    if (found != jobs->end()) return found->get();
  }
  return nullptr;
}

void Scheduler::prepare() {
  while (!has_memory(nullptr) && active_.size() > 1) put_back();
  while (std::ssize(active_) < max_sequences_ && admit_next()) {
  }
}

// Makes room for what the next pass may need, and says whether there is that
// much. `newest`, which may be
// null, is asked to fit with the whole of its text, lest it be put back before
// that is encoded.
bool Scheduler::has_memory(const Job* newest) {
  growths_.clear();
  for (const auto& job : active_) {
    const Sequence& sequence = job->sequence();
    KvGrowth growth = decoder_.most_growth(sequence);
    if (job.get() == newest) {
      const std::int64_t cached = target_.length(sequence.target_id);
      growth.rows = std::min(sequence.size() - cached + growth.rows,
                             target_.n_positions() - cached);
    }
    growths_.push_back(growth);
  }
  return target_.make_room(growths_);
}

void Scheduler::put_back() {
  const auto last = std::ranges::max_element(
      active_, comes_before,
      [](const auto& job) -> const Job& { return *job; });
  std::unique_ptr<Job> job = std::move(*last);
  active_.erase(last);
  decoder_.retire(job->sequence());
  job->note_preemption();
  add(std::move(job));
  short_of_memory_ = true;
}

// False: nothing more can be admitted. One job alone always has memory enough.
bool Scheduler::admit_next() {
  if (waiting_.empty() || waiting_.front()->failure()) return false;
  if (short_of_memory_ && !active_.empty()) return false;
  short_of_memory_ = false;
  Job& job = *waiting_.front();
  if (would_repeat(job)) return false;
  try {
    decoder_.admit(job.sequence());
  } catch (...) {
    job.fail(std::current_exception());
    return false;
  }
  active_.push_back(std::move(waiting_.front()));
  waiting_.erase(waiting_.begin());
  if (!has_memory(&job) && active_.size() > 1) {
    decoder_.retire(job.sequence());
    waiting_.insert(waiting_.begin(), std::move(active_.back()));
    active_.pop_back();
    short_of_memory_ = true;
    return false;
  }
  job.note_reuse(target_.length(job.sequence().target_id));
  return true;
}

// Whether much of the text is just being encoded for another one: where many
// ask the same at once, the others wait until they can share it.
bool Scheduler::would_repeat(const Job& next) const {
  constexpr std::int64_t kMuch = 2 * KvCache::kBlockSize;
  if (!shares_prefixes_) return false;
  const std::span<const Token> text = next.sequence().tokens();
  return std::ranges::any_of(active_, [&](const auto& job) {
    const Sequence& other = job->sequence();
    if (other.cache_salt() != next.sequence().cache_salt()) return false;
    const std::int64_t common =
        std::ranges::mismatch(text, other.tokens()).in1 - text.begin();
    const std::int64_t encoded = target_.length(other.target_id);
    return std::min(common, other.size() - 1) - encoded >= kMuch;
  });
}

Scheduler::Jobs Scheduler::take_finished() {
  Jobs finished;
  const auto has_finished = [](const Job& job) {
    return job.sequence().finished();
  };
  move_if(active_, finished, has_finished);
  if (!finished.empty()) short_of_memory_ = false;
  move_if(waiting_, finished, has_finished);
  for (const auto& job : finished) decoder_.retire(job->sequence());
  return finished;
}

Scheduler::Jobs Scheduler::take_active() {
  short_of_memory_ = false;
  for (const auto& job : active_) decoder_.retire(job->sequence());
  return std::exchange(active_, {});
}

}  // namespace pilotfish
