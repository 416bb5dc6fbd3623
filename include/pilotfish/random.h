#ifndef PILOTFISH_RANDOM_H_
#define PILOTFISH_RANDOM_H_

#include <array>
#include <cstdint>

namespace pilotfish {

// What a random number is for. Two uses that must be independent have different
// roles (or indices). A window that gives up a position is followed by one that
// visits it again, at an earlier place; what a verdict may see before it gives
// up therefore has its place in the window as index. Where a draft is a tree,
// several tokens are drawn or judged at a place: draft_index tells them apart.
enum class RandomRole : std::uint32_t {
  kDraft = 1,      // the draft model draws a token; index: its place
  kAccept = 2,     // the acceptor decides about one; index: its place
  kTarget = 3,     // a token is drawn from the target's own distribution
  kRecovered = 4,  // a token is drawn from what a rejection leaves
  kNoise = 5,      // noise that draft and target share; index: half the token
  kUser = 1000,    // and above: free for acceptors of users
};

// Random numbers that are looked up, not drawn from a stream: each is a pure
// function of (seed, position, role, index), so no sample depends on batch
// slot, window, draft or scheduling. Philox4x32-10 of Salmon et al., "Parallel
// random numbers: as easy as 1, 2, 3", SC 2011. Header-only, so that acceptors
// in shared libraries can use it. Thread-safe.
class Random {
 public:
  explicit Random(std::uint64_t seed) : seed_(seed) {}

  // Uniform in [0, 1), a multiple of 2^-53. `position` is that of the token in
  // its sequence, prompt included.
  double uniform(std::uint64_t position, RandomRole role,
                 std::uint32_t index = 0) const {
    return uniform_pair(position, role, index)[0];
  }
  // Two for little more than the price of one; the first is `uniform`.
  std::array<double, 2> uniform_pair(std::uint64_t position, RandomRole role,
                                     std::uint32_t index) const {
    const std::array<std::uint32_t, 4> bits =
        philox({static_cast<std::uint32_t>(position),
                static_cast<std::uint32_t>(position >> 32),
                static_cast<std::uint32_t>(role), index},
               {static_cast<std::uint32_t>(seed_),
                static_cast<std::uint32_t>(seed_ >> 32)});
    const auto number = [](std::uint32_t high, std::uint32_t low) {
      const std::uint64_t both = (std::uint64_t{high} << 32) | low;
      return static_cast<double>(both >> 11) * 0x1p-53;
    };
    return {number(bits[0], bits[1]), number(bits[2], bits[3])};
  }

  std::uint64_t seed() const { return seed_; }

  static constexpr std::array<std::uint32_t, 4> philox(
      std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
      const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
      counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0],
                 static_cast<std::uint32_t>(b),
                 static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1],
                 static_cast<std::uint32_t>(a)};
      key[0] += 0x9E3779B9;
      key[1] += 0xBB67AE85;
    }
    return counter;
  }

 private:
  std::uint64_t seed_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_RANDOM_H_
