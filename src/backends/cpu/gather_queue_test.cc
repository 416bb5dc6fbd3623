#include "backends/cpu/gather_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

// Its gathers end when they are let, and then fill the data with their number.
class HeldExchange final : public Exchange {
 public:
  void all_gather(std::byte* data,
                  std::span<const std::int64_t> /*begins*/) override {
    std::unique_lock lock(mutex_);
    ++begun_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return ended_ < let_; });
    ++ended_;
    if (ended_ == fails_) throw Error("rank 1 has died");
    *data = std::byte{static_cast<unsigned char>(ended_)};
  }
  void gather(std::byte* data, std::span<const std::int64_t> begins) override {
    all_gather(data, begins);
  }
  void sleep_while(const std::atomic<bool>* busy) override { busy_ = busy; }
  void count_wait(double seconds) override {
    ++waits_;
    EXPECT_GE(seconds, 0);
  }

  void let(int count) {
    const std::lock_guard lock(mutex_);
    let_ += count;
    changed_.notify_all();
  }
  void fail(int number) { fails_ = number; }
  void wait_until_begun(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return begun_ >= count; });
  }
  int begun() {
    const std::lock_guard lock(mutex_);
    return begun_;
  }
  int waits() const { return waits_; }
  const std::atomic<bool>* busy() const { return busy_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int begun_ = 0;
  int ended_ = 0;
  int let_ = 0;
  int fails_ = 0;
  int waits_ = 0;
  const std::atomic<bool>* busy_ = nullptr;
};

struct Gathers {
  Gathers() {
    for (size_t i = 0; i < all.size(); ++i) all[i].data = &bytes[i];
  }
  std::array<std::byte, 2> bytes = {};
  std::array<Gather, 2> all;
};

TEST(GatherQueue, CarriesOutAtOnceWhatIsNotBeside) {
  HeldExchange exchange;
  GatherQueue queue(&exchange);
  Gathers gathers;
  exchange.let(1);
  queue.start(gathers.all[0]);
  EXPECT_EQ(gathers.bytes[0], std::byte{1});
  EXPECT_EQ(exchange.waits(), 1);
  queue.finish(gathers.all[0]);
  EXPECT_EQ(exchange.waits(), 1);
}

TEST(GatherQueue, LetsTheCallerComputeMeanwhile) {
  HeldExchange exchange;
  GatherQueue queue(&exchange);
  Gathers gathers;
  {
    const GatherQueue::Beside beside(queue, /*is_crowded=*/true);
    // Neither call waits: no gather ends before it is let.
    queue.start(gathers.all[0]);
    queue.start(gathers.all[1]);
    exchange.wait_until_begun(1);
    EXPECT_EQ(exchange.begun(), 1);  // one after another
    EXPECT_TRUE(*exchange.busy());
    exchange.let(2);
    queue.finish(gathers.all[0]);
    queue.finish(gathers.all[1]);
    EXPECT_EQ(gathers.bytes[0], std::byte{1});
    EXPECT_EQ(gathers.bytes[1], std::byte{2});
    EXPECT_EQ(exchange.waits(), 2);
  }
  EXPECT_EQ(exchange.busy(), nullptr);
}

TEST(GatherQueue, SleepsOnlyWhereProcessorsAreWanted) {
  HeldExchange exchange;
  GatherQueue queue(&exchange);
  const GatherQueue::Beside beside(queue, /*is_crowded=*/false);
  EXPECT_EQ(exchange.busy(), nullptr);
}

// The others have not gathered what came before: nothing else can be, and
// nobody may wait for it.
TEST(GatherQueue, ThrowsWhatAGatherHasThrown) {
  HeldExchange exchange;
  exchange.fail(1);
  GatherQueue queue(&exchange);
  Gathers gathers;
  const GatherQueue::Beside beside(queue, /*is_crowded=*/true);
  queue.start(gathers.all[0]);
  queue.start(gathers.all[1]);
  exchange.let(1);
  EXPECT_THROW(queue.finish(gathers.all[0]), Error);
  EXPECT_THROW(queue.finish(gathers.all[1]), Error);
  EXPECT_EQ(exchange.begun(), 1);
}

}  // namespace
}  // namespace pilotfish
