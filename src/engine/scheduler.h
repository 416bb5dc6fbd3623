#ifndef PILOTFISH_ENGINE_SCHEDULER_H_
#define PILOTFISH_ENGINE_SCHEDULER_H_

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "engine/job.h"
#include "pilotfish/scorer.h"
#include "speculative/loop/decoder.h"

namespace pilotfish {

// Which requests are decoded, and which wait. They are admitted by priority
// and, among equals, in the order they came, as long as places and memory last.
// Where the memory for keys and values runs short, the running one that is last
// in that order is put back; it goes on later with the tokens it has.
class Scheduler {
 public:
  using Jobs = std::vector<std::unique_ptr<Job>>;

  // Both must outlive this. `shares_prefixes`: a new sequence of the target
  // begins with what others have encoded. Requires: max_sequences >= 1.
  Scheduler(SpeculativeDecoder& decoder, Scorer& target,
            std::int64_t max_sequences, bool shares_prefixes);
  // Gives back the places of those that are decoded.
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  void add(std::unique_ptr<Job> job);
  // Puts back what there is no memory for, and admits what there is. A job that
  // cannot be admitted fails.
  void prepare();

  // Null: no job has this id.
  Job* find(RequestId id) const;
  bool empty() const { return active_.empty() && waiting_.empty(); }
  // Those to decode, in their order.
  const Jobs& active() const { return active_; }
  // Those that wait, in theirs.
  const Jobs& queue() const { return waiting_; }
  std::int64_t max_sequences() const { return max_sequences_; }
  std::int64_t waiting() const { return std::ssize(waiting_); }

  // Takes out the jobs whose sequences have finished.
  Jobs take_finished();
  // Takes out those that are decoded.
  Jobs take_active();

 private:
  static bool comes_before(const Job& a, const Job& b);
  bool has_memory(const Job* newest);
  void put_back();
  bool admit_next();
  bool would_repeat(const Job& next) const;

  SpeculativeDecoder& decoder_;
  Scorer& target_;
  std::int64_t max_sequences_;
  bool shares_prefixes_;
  Jobs active_;
  Jobs waiting_;
  // Memory did not last for the first that waits, and nothing has finished
  // since.
  bool short_of_memory_ = false;
  std::vector<KvGrowth> growths_;  // scratch
};

}  // namespace pilotfish

#endif  // PILOTFISH_ENGINE_SCHEDULER_H_
