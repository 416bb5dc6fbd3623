#ifndef PILOTFISH_BACKENDS_CLUSTER_TESTING_RANKS_IN_THREADS_H_
#define PILOTFISH_BACKENDS_CLUSTER_TESTING_RANKS_IN_THREADS_H_

#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "backends/cluster/follower.h"
#include "backends/cluster/leader.h"
#include "backends/cluster/transport.h"

namespace pilotfish::test {

// A cluster in one process: the calling thread is rank 0, and models that it
// loads are shared with followers in threads of their own.
class RanksInThreads {
 public:
  explicit RanksInThreads(int ranks) {
    for (int rank = 0; rank < ranks; ++rank) {
      transports_.push_back(std::make_unique<Wire>(*this, rank, ranks));
    }
    mailboxes_.resize(static_cast<size_t>(ranks * ranks));
    leader_ = std::make_shared<Leader>(*transports_[0]);
    set_current_leader(leader_);
    for (int rank = 1; rank < ranks; ++rank) {
      threads_.emplace_back([this, rank] {
        Follower(*transports_[static_cast<size_t>(rank)]).run();
      });
    }
  }
  ~RanksInThreads() {
    set_current_leader(nullptr);
    leader_->end();
  }

 private:
  class Wire final : public Transport {
   public:
    Wire(RanksInThreads& cluster, int rank, int ranks)
        : cluster_(cluster), rank_(rank), ranks_(ranks) {}

    int rank() const override { return rank_; }
    int ranks() const override { return ranks_; }
    std::string host(int rank) const override {
      return "thread" + std::to_string(rank);
    }

    void all_gather(std::byte* data,
                    std::span<const std::int64_t> begins) override {
      const int ranks = static_cast<int>(begins.size()) - 1;
      for (int to = 0; to < ranks; ++to) {
        if (to != rank_) cluster_.put(rank_, to, part(data, begins, rank_));
      }
      for (int from = 0; from < ranks; ++from) {
        if (from != rank_) take_part(data, begins, from);
      }
    }
    void gather(std::byte* data,
                std::span<const std::int64_t> begins) override {
      if (rank_ != 0) {
        const auto i = static_cast<size_t>(rank_);
        cluster_.put(rank_, 0, Bytes(data, data + begins[i + 1] - begins[i]));
        return;
      }
      for (int from = 1; from + 1 < std::ssize(begins); ++from) {
        take_part(data, begins, from);
      }
    }
    void command(std::span<const std::byte> message) override {
      for (int to = 1; to < ranks_; ++to) {
        cluster_.put(0, to, Bytes(message.begin(), message.end()));
      }
    }
    Bytes next_command() override { return cluster_.take(0, rank_); }
    void answer(std::span<const std::byte> message) override {
      cluster_.put(rank_, 0, Bytes(message.begin(), message.end()));
    }
    std::vector<Bytes> answers() override {
      std::vector<Bytes> answers;
      for (int from = 1; from < ranks_; ++from) {
        answers.push_back(cluster_.take(from, 0));
      }
      return answers;
    }

   private:
    static Bytes part(const std::byte* data,
                      std::span<const std::int64_t> begins, int rank) {
      const auto i = static_cast<size_t>(rank);
      return Bytes(data + begins[i], data + begins[i + 1]);
    }
    void take_part(std::byte* data, std::span<const std::int64_t> begins,
                   int from) {
      const Bytes bytes = cluster_.take(from, rank_);
      if (bytes.empty()) return;
      std::memcpy(data + begins[static_cast<size_t>(from)], bytes.data(),
                  bytes.size());
    }

    RanksInThreads& cluster_;
    const int rank_;
    const int ranks_;
  };

  std::deque<Bytes>& mailbox(int from, int to) {
    return mailboxes_[static_cast<size_t>(from) * transports_.size() +
                      static_cast<size_t>(to)];
  }
  void put(int from, int to, Bytes message) {
    {
      const std::lock_guard lock(mutex_);
      mailbox(from, to).push_back(std::move(message));
    }
    arrived_.notify_all();
  }
  Bytes take(int from, int to) {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return !mailbox(from, to).empty(); });
    Bytes message = std::move(mailbox(from, to).front());
    mailbox(from, to).pop_front();
    return message;
  }

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::deque<Bytes>> mailboxes_;  // [from, to]
  std::vector<std::unique_ptr<Wire>> transports_;
  std::shared_ptr<Leader> leader_;
  std::vector<std::jthread> threads_;  // they end before what they use
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_BACKENDS_CLUSTER_TESTING_RANKS_IN_THREADS_H_
