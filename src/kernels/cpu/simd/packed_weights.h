#ifndef PILOTFISH_KERNELS_CPU_SIMD_PACKED_WEIGHTS_H_
#define PILOTFISH_KERNELS_CPU_SIMD_PACKED_WEIGHTS_H_

#include <cstddef>

#include "kernels/cpu/simd/packed_input.h"
#include "kernels/packed_layout.h"

// What the records of the quantised types mean, written once. W has the 16 rows
// of a group in vectors, Floats and Words (32-bit integers), and the operations
// on them that are used here.
namespace pilotfish::simd {
namespace {

// Scales: made from a record and the number of a block in it. A block has
// kParts parts, each with a scale of its own; `add` returns `sum` with the
// products of one of them, whose integer sums are `dots`.

// sum + scale * d * dots
template <typename W>
typename W::Floats add_scaled(typename W::Floats d, float scale,
                              typename W::Words dots, typename W::Floats sum) {
  return W::fma(W::to_floats(dots), W::multiply(d, W::broadcast(scale)), sum);
}

template <typename W>
struct PlainScales {
  static constexpr int kParts = 1;
  typename W::Floats d;

  PlainScales(const std::byte* record, int /*block*/)
      : d(W::load_f16(record)) {}

  template <int kPart>
  typename W::Floats add(typename W::Words dots, const std::byte* tail,
                         typename W::Floats sum) const {
    return add_scaled<W>(d, InputTail::scale_at(tail), dots, sum);
  }
};

template <typename W>
struct ScalesAndMinima {
  static constexpr int kParts = 1;
  typename W::Floats scale;
  typename W::Floats minimum;

  ScalesAndMinima(const std::byte* record, int block) {
    const std::byte* of_block = record + 64 + 32 * block;
    scale = W::multiply(W::load_f16(record), W::load_u8(of_block));
    minimum = W::multiply(W::load_f16(record + 32), W::load_u8(of_block + 16));
  }

  template <int kPart>
  typename W::Floats add(typename W::Words dots, const std::byte* tail,
                         typename W::Floats sum) const {
    return W::fnma(minimum, W::broadcast(InputTail::sum_at(tail)),
                   add_scaled<W>(scale, InputTail::scale_at(tail), dots, sum));
  }
};

template <typename W>
struct ScalesOfHalves {
  static constexpr int kParts = 2;
  typename W::Floats of_half[2];

  ScalesOfHalves(const std::byte* record, int block) {
    const typename W::Floats d = W::load_f16(record);
    const std::byte* of_block = record + 32 + 32 * block;
    of_half[0] = W::multiply(d, W::load_s8(of_block));
    of_half[1] = W::multiply(d, W::load_s8(of_block + 16));
  }

  template <int kPart>
  typename W::Floats add(typename W::Words dots, const std::byte* tail,
                         typename W::Floats sum) const {
    return add_scaled<W>(of_half[kPart], InputTail::scale_at(tail), dots, sum);
  }
};

// The types. Their quants are too large by kOffset.
template <typename W>
struct Q8_0Weights {
  static constexpr PackedLayout kLayout = kQ8_0Layout;
  static constexpr int kOffset = 128;
  using Scales = PlainScales<W>;
};
template <typename W>
struct Q4_0Weights {
  static constexpr PackedLayout kLayout = kQ4_0Layout;
  static constexpr int kOffset = 8;
  using Scales = PlainScales<W>;
};
template <typename W>
struct Q4_KWeights {
  static constexpr PackedLayout kLayout = kQ4_KLayout;
  static constexpr int kOffset = 0;
  using Scales = ScalesAndMinima<W>;
};
template <typename W>
struct Q5_KWeights {
  static constexpr PackedLayout kLayout = kQ5_KLayout;
  static constexpr int kOffset = 0;
  using Scales = ScalesAndMinima<W>;
};
template <typename W>
struct Q6_KWeights {
  static constexpr PackedLayout kLayout = kQ6_KLayout;
  static constexpr int kOffset = 32;
  using Scales = ScalesOfHalves<W>;
};

}  // namespace
}  // namespace pilotfish::simd

#endif  // PILOTFISH_KERNELS_CPU_SIMD_PACKED_WEIGHTS_H_
