#ifndef PILOTFISH_KERNELS_CPU_SIMD_PEAK_LOOP_H_
#define PILOTFISH_KERNELS_CPU_SIMD_PEAK_LOOP_H_

#include <cstdint>
#include <cstring>
#include <utility>

// The loop of every PeakKernel. In an anonymous namespace, as what is compiled
// with a set's flags has to be.
namespace pilotfish {
namespace {

// Keeps the compiler from knowing what a register holds, so that nothing is
// moved out of the loop.
template <typename Vector>
inline void make_opaque(Vector& x) {
  asm volatile("" : "+v"(x));
}

// Independent sums of a loop: more than two units with a latency of four or
// five cycles need.
constexpr int kPeakSums = 12;

template <typename Vector, typename Lane>
Vector all_lanes(Lane value) {
  Lane lanes[sizeof(Vector) / sizeof(Lane)];
  for (Lane& lane : lanes) lane = value;
  Vector result;
  std::memcpy(&result, lanes, sizeof result);
  return result;
}

// sum = step(sum, x) for each sum in each round. A function of its own with
// constant indices: otherwise g++ 12 leaves sums in memory.
template <typename Vector, typename Step, int... kIndices>
[[gnu::noinline]] void run_rounds(std::int64_t rounds, Vector x,
                                  const Step& step, Vector* memory,
                                  std::integer_sequence<int, kIndices...>) {
  Vector sums[] = {memory[kIndices]...};
  for (std::int64_t round = 0; round < rounds; ++round) {
    make_opaque(x);
    ((sums[kIndices] = step(sums[kIndices], x)), ...);
  }
  ((memory[kIndices] = sums[kIndices]), ...);
}

// Returns what the rounds have added to all lanes of all sums.
template <typename Lane, typename Vector, typename Step>
double run_peak_loop(std::int64_t rounds, Vector x, const Step& step) {
  constexpr int kLanes = sizeof(Vector) / sizeof(Lane);
  Vector sums[kPeakSums];
  double total = 0;
  // Different ones: equal sums would be found out and computed once.
  for (int i = 0; i < kPeakSums; ++i) {
    sums[i] = all_lanes<Vector>(static_cast<Lane>(i));
    total -= i * kLanes;
  }
  run_rounds(rounds, x, step, sums,
             std::make_integer_sequence<int, kPeakSums>());
  for (const Vector& sum : sums) {
    Lane lanes[kLanes];
    std::memcpy(lanes, &sum, sizeof lanes);
    for (const Lane lane : lanes) total += static_cast<double>(lane);
  }
  return total;
}

// The loops that sets of both widths have, in the set's instructions I.
template <typename I>
double run_fma_peak(std::int64_t rounds) {
  return run_peak_loop<float>(rounds, I::float_ones(), [](auto sum, auto x) {
    return I::fma(x, x, sum);
  });
}

// Bytes to 16-bit pairs, to 32-bit fours, to the sum.
template <typename I>
double run_int8_peak(std::int64_t rounds) {
  const auto ones = I::pair_ones();
  return run_peak_loop<std::int32_t>(
      rounds, I::byte_ones(), [=](auto sum, auto x) {
        make_opaque(x);  // the pairs of each sum are its own
        return I::add_fours(sum, I::to_fours(I::to_pairs(x, x), ones));
      });
}

}  // namespace
}  // namespace pilotfish

#endif  // PILOTFISH_KERNELS_CPU_SIMD_PEAK_LOOP_H_
