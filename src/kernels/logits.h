#ifndef PILOTFISH_KERNELS_LOGITS_H_
#define PILOTFISH_KERNELS_LOGITS_H_

#include <cmath>
#include <cstdint>

namespace pilotfish {

// A row of logits, and the largest of each block of it, which lets a pass leave
// out the blocks that cannot matter. NaN is never the largest.
struct LogitRow {
  const float* logits = nullptr;  // [size], any alignment
  std::int64_t size = 0;
  std::int64_t block = 0;         // elements; a multiple of 16
  const float* maxima = nullptr;  // [blocks()]; -infinity: only NaN and such

  std::int64_t blocks() const { return (size + block - 1) / block; }
};

// What the logits of a row weigh: the weight of x is e^y with
//   y = (x - largest) * inverse_temperature,
// and 0 for NaN and where y < kLeastExponent.
struct LogitMass {
  double total = 0;
  double moment = 0;  // the sum of weight * y
};
inline constexpr double kLeastExponent = -667.5;  // far from the denormals

// Passes over a row of logits. All but `approximate_mass` give the same bits on
// every instruction set, so that what is sampled from a row does not depend on
// the set.
struct LogitKernels {
  // maxima[b] = the largest of logits [b * block, (b + 1) * block). Returns
  // whether all logits are finite: neither NaN nor an infinity of either sign.
  bool (*block_maxima)(const float* logits, std::int64_t size,
                       std::int64_t block, float* maxima);
  // The indices, ascending, of the logits in [low, high]. `out` has room for
  // row.size of them. Returns how many they are.
  std::int64_t (*select)(const LogitRow& row, float low, float high,
                         std::int32_t* out);
  // The total of all weights, to within mass_error(size) of itself; computed in
  // floats. Requires: `largest` finite, 1e-30 < inverse_temperature < 1e30.
  double (*approximate_mass)(const LogitRow& row, float largest,
                             float inverse_temperature);
  // out[i] = the weight of logits[i], to within 2 units in the last place of
  // e^y. A weight does not depend on the logits beside it; the sums are taken
  // in one order. Requires: `largest` finite and the largest,
  // inverse_temperature >= 0.
  LogitMass (*weigh)(const float* logits, std::int64_t size, float largest,
                     double inverse_temperature, double* out);
};

// Blocks below this y are left out of the approximate mass.
inline constexpr float kNegligibleExponent = -28;

// Three roundings of y, none of which exceeds 28; that of e^y, and those of
// sums: 6e-6. The rest is what is left out, which the largest weight outweighs.
inline double mass_error(std::int64_t size) {
  return 1e-5 + static_cast<double>(size) * 1e-12;
}

}  // namespace pilotfish

#endif  // PILOTFISH_KERNELS_LOGITS_H_
