#ifndef PILOTFISH_KERNELS_CPU_SIMD_LOGITS_H_
#define PILOTFISH_KERNELS_CPU_SIMD_LOGITS_H_

#include <cstdint>

#include "kernels/cpu/simd/math.h"
#include "kernels/logits.h"

// Passes over rows of logits, for vectors V. See LogitKernels for the
// contracts.
namespace pilotfish::simd {

template <typename V>
constexpr float kNone = -__builtin_huge_valf();

// Sets `finite` to false where an element is not. A finite one times 0 is 0,
// any other NaN, which stays in a sum.
template <typename V>
float largest_of(const float* x, std::int64_t n, bool& finite) {
  typename V::Floats most = V::broadcast(kNone<V>);
  typename V::Floats zeros = V::zero();
  std::int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) {
    const typename V::Floats next = V::load(x + i);
    most = V::max(next, most);
    zeros = V::fma(next, V::zero(), zeros);
  }
  constexpr unsigned kAllLanes = (1u << V::kLanes) - 1;
  finite = finite && V::at_least(zeros, V::zero()) == kAllLanes;
  float result = V::largest(most);
  for (; i < n; ++i) {
    result = x[i] > result ? x[i] : result;
    finite = finite && x[i] - x[i] == 0;
  }
  return result;
}

template <typename V>
bool block_maxima(const float* logits, std::int64_t size, std::int64_t block,
                  float* maxima) {
  bool finite = true;
  for (std::int64_t begin = 0; begin < size; begin += block) {
    const std::int64_t left = size - begin;
    *maxima++ =
        largest_of<V>(logits + begin, left < block ? left : block, finite);
  }
  return finite;
}

// Calls function(index of the first, vector) for each vector of a row's
// elements from `begin` to `end`, the last one filled with -infinity.
template <typename V, typename Function>
void for_each_vector(const float* x, std::int64_t begin, std::int64_t end,
                     const Function& function) {
  std::int64_t i = begin;
  for (; i + V::kLanes <= end; i += V::kLanes) function(i, V::load(x + i));
  if (i == end) return;
  float last[V::kLanes];
  for (int lane = 0; lane < V::kLanes; ++lane) {
    last[lane] = i + lane < end ? x[i + lane] : kNone<V>;
  }
  function(i, V::load(last));
}

template <typename V>
std::int64_t select(const LogitRow& row, float low, float high,
                    std::int32_t* out) {
  const typename V::Floats lows = V::broadcast(low);
  const typename V::Floats highs = V::broadcast(high);
  std::int64_t count = 0;
  const auto append = [&](std::int64_t i, typename V::Floats x) {
    unsigned found = V::at_least(x, lows) & V::at_least(highs, x);
    for (; found != 0; found &= found - 1) {
      const std::int64_t index = i + __builtin_ctz(found);
      // Beyond the row, where even -infinity is asked for.
      if (index < row.size) out[count++] = static_cast<std::int32_t>(index);
    }
  };
  for (std::int64_t b = 0; b < row.blocks(); ++b) {
    if (row.maxima[b] < low) continue;
    const std::int64_t begin = b * row.block;
    const std::int64_t left = row.size - begin;
    for_each_vector<V>(row.logits, begin,
                       begin + (left < row.block ? left : row.block), append);
  }
  return count;
}

template <typename V>
double approximate_mass(const LogitRow& row, float largest,
                        float inverse_temperature) {
  const typename V::Floats most = V::broadcast(largest);
  const typename V::Floats inverse = V::broadcast(inverse_temperature);
  const typename V::Floats least = V::broadcast(-100.0f);  // also for NaN
  double total = 0;
  for (std::int64_t b = 0; b < row.blocks(); ++b) {
    if ((row.maxima[b] - largest) * inverse_temperature < kNegligibleExponent) {
      continue;
    }
    typename V::Floats sum = V::zero();
    const std::int64_t begin = b * row.block;
    const std::int64_t left = row.size - begin;
    for_each_vector<V>(
        row.logits, begin, begin + (left < row.block ? left : row.block),
        [&](std::int64_t, typename V::Floats x) {
          const typename V::Floats y =
              V::max(V::multiply(V::subtract(x, most), inverse), least);
          sum = V::add(sum, exponential<V>(y));
        });
    total += static_cast<double>(V::sum(sum));
  }
  return total;
}

// e^y to within 2 ulp for y in [-700, 0]: y = n ln 2 + r with |r| <= ln 2 / 2,
// and a minimax polynomial of e^r whose error is below 2e-17. Adding 1.5 * 2^52
// rounds y / ln 2 to n, which then is the low bits of the sum.
template <typename V>
typename V::Doubles exponential_of_doubles(typename V::Doubles y) {
  using Doubles = typename V::Doubles;
  const Doubles shift = V::broadcast_double(0x1.8p52);
  const Doubles shifted =
      V::fma(y, V::broadcast_double(0x1.71547652b82fep0), shift);
  const Doubles n = V::subtract(shifted, shift);
  Doubles r = V::fnma(n, V::broadcast_double(0x1.62e42fefa39efp-1), y);
  r = V::fnma(n, V::broadcast_double(0x1.abc9e3b39803fp-56), r);
  constexpr double kCoefficients[] = {0x1.289185613a3d6p-22,
                                      0x1.71de0dae63bb3p-19,
                                      0x1.a019b90d2ae7ap-16,
                                      0x1.a01a01a7c41d5p-13,
                                      0x1.6c16c1788bd90p-10,
                                      0x1.11111111109b3p-7,
                                      0x1.5555555553d63p-5,
                                      0x1.5555555555556p-3,
                                      0x1.0000000000001p-1,
                                      1.0,
                                      1.0};
  Doubles series = V::broadcast_double(0x1.af38a9b0ec855p-26);
  for (const double coefficient : kCoefficients) {
    series = V::fma(series, r, V::broadcast_double(coefficient));
  }
  return V::scale_by_low_bits(series, shifted);
}

// Eight lanes in every set, so that all sets add in one order.
inline constexpr int kMassLanes = 8;

template <typename V>
class MassSum {
 public:
  // Writes the weights of kMassLanes logits.
  void add(const float* x, typename V::Doubles largest,
           typename V::Doubles inverse_temperature, double* out) {
    const typename V::Doubles least = V::broadcast_double(kLeastExponent);
    for (int part = 0; part < kParts; ++part) {
      const int lane = part * V::kDoubleLanes;
      // NaN and what no exponent takes become -700, and so weigh nothing.
      const typename V::Doubles y =
          V::max(V::multiply(V::subtract(V::load_as_doubles(x + lane), largest),
                             inverse_temperature),
                 V::broadcast_double(-700.0));
      const typename V::Doubles weight =
          V::where_at_least(y, least, exponential_of_doubles<V>(y));
      V::store(out + lane, weight);
      total_[part] = V::add(total_[part], weight);
      moment_[part] = V::fma(weight, y, moment_[part]);
    }
  }
  LogitMass mass() const { return {added(total_), added(moment_)}; }

 private:
  static constexpr int kParts = kMassLanes / V::kDoubleLanes;

  static double added(const typename V::Doubles* parts) {
    double s[kMassLanes];
    for (int part = 0; part < kParts; ++part) {
      V::store(s + part * V::kDoubleLanes, parts[part]);
    }
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
  }

  typename V::Doubles total_[kParts] = {};
  typename V::Doubles moment_[kParts] = {};
};

template <typename V>
LogitMass weigh(const float* logits, std::int64_t size, float largest,
                double inverse_temperature, double* out) {
  const auto most = V::broadcast_double(static_cast<double>(largest));
  const auto inverse = V::broadcast_double(inverse_temperature);
  MassSum<V> sum;
  std::int64_t i = 0;
  for (; i + kMassLanes <= size; i += kMassLanes) {
    sum.add(logits + i, most, inverse, out + i);
  }
  if (i == size) return sum.mass();
  float last[kMassLanes];
  double last_out[kMassLanes];
  for (int lane = 0; lane < kMassLanes; ++lane) {
    last[lane] = i + lane < size ? logits[i + lane] : kNone<V>;
  }
  sum.add(last, most, inverse, last_out);
  for (int lane = 0; i + lane < size; ++lane) out[i + lane] = last_out[lane];
  return sum.mass();
}

template <typename V>
constexpr LogitKernels make_logit_kernels() {
  return {
      .block_maxima = block_maxima<V>,
      .select = select<V>,
      .approximate_mass = approximate_mass<V>,
      .weigh = weigh<V>,
  };
}

}  // namespace pilotfish::simd

#endif  // PILOTFISH_KERNELS_CPU_SIMD_LOGITS_H_
