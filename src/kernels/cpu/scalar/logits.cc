#include "kernels/logits.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/cpu/scalar/steps.h"

namespace pilotfish::scalar {
namespace {

// Calls function(i) for the elements of the blocks that reach `low`.
template <typename Function>
void for_each_from(const LogitRow& row, float low, const Function& function) {
  for (std::int64_t b = 0; b < row.blocks(); ++b) {
    if (row.maxima[b] < low) continue;
    const std::int64_t end = std::min(row.size, (b + 1) * row.block);
    for (std::int64_t i = b * row.block; i < end; ++i) function(i);
  }
}

// As simd::exponential_of_doubles, operation by operation.
double exponential(double y) {
  constexpr double kShift = 0x1.8p52;
  const double shifted = std::fma(y, 0x1.71547652b82fep0, kShift);
  const double n = shifted - kShift;
  double r = std::fma(-n, 0x1.62e42fefa39efp-1, y);
  r = std::fma(-n, 0x1.abc9e3b39803fp-56, r);
  double series = 0x1.af38a9b0ec855p-26;
  for (const double coefficient :
       {0x1.289185613a3d6p-22, 0x1.71de0dae63bb3p-19, 0x1.a019b90d2ae7ap-16,
        0x1.a01a01a7c41d5p-13, 0x1.6c16c1788bd90p-10, 0x1.11111111109b3p-7,
        0x1.5555555553d63p-5, 0x1.5555555555556p-3, 0x1.0000000000001p-1, 1.0,
        1.0}) {
    series = std::fma(series, r, coefficient);
  }
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(series) +
                               (std::bit_cast<std::uint64_t>(shifted) << 52));
}

double added(const double (&s)[8]) {
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

}  // namespace

bool block_maxima(const float* logits, std::int64_t size, std::int64_t block,
                  float* maxima) {
  bool finite = true;
  for (std::int64_t begin = 0; begin < size; begin += block) {
    float most = -std::numeric_limits<float>::infinity();
    for (std::int64_t i = begin; i < std::min(size, begin + block); ++i) {
      most = logits[i] > most ? logits[i] : most;
      finite = finite && std::isfinite(logits[i]);
    }
    *maxima++ = most;
  }
  return finite;
}

std::int64_t select(const LogitRow& row, float low, float high,
                    std::int32_t* out) {
  std::int64_t count = 0;
  for_each_from(row, low, [&](std::int64_t i) {
    const float x = row.logits[i];
    if (x >= low && x <= high) out[count++] = static_cast<std::int32_t>(i);
  });
  return count;
}

double approximate_mass(const LogitRow& row, float largest,
                        float inverse_temperature) {
  double total = 0;
  for_each_from(row, largest + kNegligibleExponent / inverse_temperature,
                [&](std::int64_t i) {
                  const float x = row.logits[i];
                  if (std::isnan(x)) return;
                  const float y = (x - largest) * inverse_temperature;
                  total += static_cast<double>(std::exp(y));
                });
  return total;
}

LogitMass weigh(const float* logits, std::int64_t size, float largest,
                double inverse_temperature, double* out) {
  double total[8] = {};
  double moment[8] = {};
  for (std::int64_t i = 0; i < size; ++i) {
    double y = (static_cast<double>(logits[i]) - static_cast<double>(largest)) *
               inverse_temperature;
    y = y > -700.0 ? y : -700.0;
    out[i] = y >= kLeastExponent ? exponential(y) : 0;
    total[i % 8] += out[i];
    moment[i % 8] = std::fma(out[i], y, moment[i % 8]);
  }
  return {added(total), added(moment)};
}

}  // namespace pilotfish::scalar
