#ifndef PILOTFISH_BACKENDS_CLUSTER_TRANSPORT_H_
#define PILOTFISH_BACKENDS_CLUSTER_TRANSPORT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backends/cpu/exchange.h"

namespace pilotfish {

using Bytes = std::vector<std::byte>;

// What carries bytes between ranks. Rank 0 leads: the others receive commands
// from it, and answer some. An exchange is among the first of the ranks, as
// many as it has parts. Every function throws Error, naming the rank and its
// host, where a rank is lost; after that no function may be called. Not
// thread-safe.
class Transport : public Exchange {
 public:
  virtual int rank() const = 0;
  virtual int ranks() const = 0;
  virtual std::string host(int rank) const = 0;

  // On rank 0: a command to all others.
  virtual void command(std::span<const std::byte> message) = 0;
  // On the others: the next command. Waits as long as it takes, asleep after a
  // while.
  virtual Bytes next_command() = 0;

  // On the others: an answer to the last command.
  virtual void answer(std::span<const std::byte> message) = 0;
  // On rank 0: the answers of ranks 1, 2, ... However long they take, as long
  // as the ranks live.
  virtual std::vector<Bytes> answers() = 0;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_TRANSPORT_H_
