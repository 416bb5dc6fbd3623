#include "backends/cluster/mpi/transport.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

#include "backends/cluster/mpi/lost_ranks.h"
#include "base/thread_team.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using Clock = std::chrono::steady_clock;

// A rank that waits for a command looks this often before it sleeps between
// looks: some 2 ms.
constexpr int kLooksAwake = 10'000;
constexpr auto kNap = std::chrono::microseconds(200);
// And so often where another thread computes meanwhile and wants the processor.
constexpr auto kNapBeside = std::chrono::microseconds(50);
// After so many naps, a second of them, nobody is in a hurry.
constexpr int kNapsToSleep = 5'000;
constexpr auto kSleep = std::chrono::milliseconds(2);
// A rank that waits in a pass yields its processor after this many looks, and
// after some time thinks of deaths and time-outs.
constexpr int kLooksToYield = 2'000;
constexpr double kTimeOut = 60;  // seconds; PILOTFISH_RANK_TIMEOUT
constexpr double kTimeToWorry = 0.01;
constexpr double kMoreTime = 5;  // so that rank 0 is the first to tell

double time_out() {
  const char* const text = std::getenv("PILOTFISH_RANK_TIMEOUT");
  if (text == nullptr) return kTimeOut;
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(seconds > 0)) {
    throw UsageError(fmt::format(
        "PILOTFISH_RANK_TIMEOUT: found \"{}\", expected seconds above 0",
        text));
  }
  return seconds;
}

void check(int result, std::string_view what) {
  if (result == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int size = 0;
  MPI_Error_string(result, text, &size);
  throw Error(fmt::format("Open MPI: {}: {}", what,
                          std::string_view(text, static_cast<size_t>(size))));
}

}  // namespace

std::unique_ptr<ProcessTransport> start_transport() {
  return std::make_unique<MpiTransport>(*Launch::find());
}

MpiTransport::MpiTransport(const Launch& launch)
    : is_crowded_(launch.local_ranks > std::ssize(launch.processors)),
      time_out_(time_out()) {
  int provided = 0;
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided),
        "start");
  if (provided < MPI_THREAD_SERIALIZED) {
    throw Error("Open MPI: built without support for threads");
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  int ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  Peer self = {};
  int length = 0;
  MPI_Get_processor_name(self.host, &length);
  self.pid = ::getpid();
  peers_.resize(static_cast<size_t>(ranks));
  check(MPI_Allgather(&self, sizeof self, MPI_BYTE, peers_.data(), sizeof self,
                      MPI_BYTE, MPI_COMM_WORLD),
        "meet");
  for (int rank = 0; rank < ranks; ++rank) {
    const Peer& peer = peers_[static_cast<size_t>(rank)];
    if (rank != rank_ && std::strcmp(peer.host, self.host) == 0) {
      watch_process(rank, peer.pid, peer.host);
    }
  }
  if (rank_ == 0) {
    name_lost_ranks_on_terminate();
  } else {
    time_out_ += kMoreTime + rank_;
  }
}

MpiTransport::~MpiTransport() { MPI_Finalize(); }

std::string MpiTransport::host(int rank) const {
  return peers_[static_cast<size_t>(rank)].host;
}

void MpiTransport::abort() {
  MPI_Abort(MPI_COMM_WORLD, 1);
  std::_Exit(1);  // it may return
}

void MpiTransport::send(int to, Tag tag, const std::byte* data,
                        std::int64_t bytes) {
  MPI_Request request;
  check(MPI_Isend(data, static_cast<int>(bytes), MPI_BYTE, to, tag,
                  MPI_COMM_WORLD, &request),
        "send");
  requests_.push_back(request);
  partners_.push_back(to);
}

void MpiTransport::receive(int from, Tag tag, std::byte* data,
                           std::int64_t bytes) {
  MPI_Request request;
  check(MPI_Irecv(data, static_cast<int>(bytes), MPI_BYTE, from, tag,
                  MPI_COMM_WORLD, &request),
        "receive");
  requests_.push_back(request);
  partners_.push_back(from);
}

void MpiTransport::complete() {
  const auto are_done = [&] {
    int done = 0;
    check(MPI_Testall(static_cast<int>(requests_.size()), requests_.data(),
                      &done, MPI_STATUSES_IGNORE),
          "exchange");
    return done != 0;
  };
  // Of those that are not done, the receives come first.
  const auto missing = [&] {
    for (size_t i = 0; i < requests_.size(); ++i) {
      int done = 0;
      MPI_Request_get_status(requests_[i], &done, MPI_STATUS_IGNORE);
      if (done == 0) return partners_[i];
    }
    return rank_;
  };
  wait(are_done, missing, /*has_limit=*/true);
  requests_.clear();
  partners_.clear();
}

void MpiTransport::wait(const std::function<bool()>& is_there,
                        const std::function<int()>& missing, bool has_limit) {
  const Clock::time_point start = Clock::now();
  for (int looks = 1; !is_there(); ++looks) {
    if (busy_ != nullptr && *busy_) {
      std::this_thread::sleep_for(kNapBeside);
    } else if (is_crowded_) {
      ::sched_yield();
    }
    if (looks % kLooksToYield != 0) continue;
    ::sched_yield();
    const std::chrono::duration<double> waited = Clock::now() - start;
    if (waited.count() < kTimeToWorry) continue;
    if (const int dead = find_dead_rank(); dead >= 0) {
      throw Error(
          fmt::format("rank {} on {} has died; start again", dead, host(dead)));
    }
    if (has_limit && waited.count() > time_out_) {
      const int rank = missing();
      throw Error(fmt::format(
          "rank {} on {} has not answered for {:.0f} s: it hangs, or its host "
          "cannot be reached; start again (PILOTFISH_RANK_TIMEOUT sets the "
          "seconds)",
          rank, host(rank), waited.count()));
    }
  }
}

void MpiTransport::all_gather(std::byte* data,
                              std::span<const std::int64_t> begins) {
  const int ranks = static_cast<int>(begins.size()) - 1;
  const auto bytes = [&](int rank) {
    const auto i = static_cast<size_t>(rank);
    return begins[i + 1] - begins[i];
  };
  const auto part = [&](int rank) {
    return data + begins[static_cast<size_t>(rank)];
  };
  for (int i = 1; i < ranks; ++i) {
    const int other = (rank_ + i) % ranks;
    if (bytes(other) > 0) receive(other, kExchange, part(other), bytes(other));
  }
  if (bytes(rank_) > 0) {
    for (int i = 1; i < ranks; ++i) {
      send((rank_ + i) % ranks, kExchange, part(rank_), bytes(rank_));
    }
  }
  complete();
}

void MpiTransport::gather(std::byte* data,
                          std::span<const std::int64_t> begins) {
  const auto part = [&](int rank) {
    const auto i = static_cast<size_t>(rank);
    return begins.subspan(i, 2);
  };
  if (rank_ != 0) {
    const auto mine = part(rank_);
    if (mine[1] > mine[0]) send(0, kExchange, data, mine[1] - mine[0]);
  } else {
    for (int rank = 1; rank + 1 < std::ssize(begins); ++rank) {
      const auto its = part(rank);
      if (its[1] == its[0]) continue;
      receive(rank, kExchange, data + its[0], its[1] - its[0]);
    }
  }
  complete();
}

void MpiTransport::command(std::span<const std::byte> message) {
  for (int rank = 1; rank < ranks(); ++rank) {
    send(rank, kCommand, message.data(), std::ssize(message));
  }
  complete();
}

Bytes MpiTransport::next_command() {
  int is_there = 0;
  const auto look = [&] {
    check(MPI_Iprobe(0, kCommand, MPI_COMM_WORLD, &is_there, MPI_STATUS_IGNORE),
          "wait for a command");
    return is_there != 0;
  };
  for (int looks = 0; !look(); ++looks) {
    if (is_crowded_ || looks > kLooksAwake / 2) ::sched_yield();
    if (looks > kLooksAwake + kNapsToSleep) {
      std::this_thread::sleep_for(kSleep);
    } else if (looks > kLooksAwake) {
      std::this_thread::sleep_for(kNap);
    }
  }
  return take_message(0, kCommand);
}

Bytes MpiTransport::take_message(int from, Tag tag) {
  MPI_Status status;
  check(MPI_Probe(from, tag, MPI_COMM_WORLD, &status), "find a message");
  int bytes = 0;
  MPI_Get_count(&status, MPI_BYTE, &bytes);
  Bytes message(static_cast<size_t>(bytes));
  receive(from, tag, message.data(), bytes);
  complete();
  return message;
}

void MpiTransport::answer(std::span<const std::byte> message) {
  send(0, kAnswer, message.data(), std::ssize(message));
  complete();
}

std::vector<Bytes> MpiTransport::answers() {
  std::vector<Bytes> answers;
  for (int rank = 1; rank < ranks(); ++rank) {
    const auto look = [&] {
      int is_there = 0;
      check(MPI_Iprobe(rank, kAnswer, MPI_COMM_WORLD, &is_there,
                       MPI_STATUS_IGNORE),
            "wait for an answer");
      return is_there != 0;
    };
    // Loading may take long, and rank 0 may have been faster.
    wait(
        look, [&] { return rank; }, /*has_limit=*/false);
    answers.push_back(take_message(rank, kAnswer));
  }
  return answers;
}

}  // namespace pilotfish
