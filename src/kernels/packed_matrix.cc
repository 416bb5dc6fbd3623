#include "kernels/packed_matrix.h"

#include <cassert>
#include <cstring>

#include "tensor/blocks/fields.h"
#include "tensor/quantise.h"

namespace pilotfish {

using namespace block;

namespace {

const PackedLayout* find_layout(DType dtype) {
  switch (dtype) {
    case DType::kQ8_0:
      return &kQ8_0Layout;
    case DType::kQ4_0:
      return &kQ4_0Layout;
    case DType::kQ4_K:
      return &kQ4_KLayout;
    case DType::kQ5_K:
      return &kQ5_KLayout;
    case DType::kQ6_K:
      return &kQ6_KLayout;
    case DType::kBF16:
      return &kBF16Layout;
    default:
      return nullptr;
  }
}

const PackedLayout& layout_of(DType dtype) {
  const PackedLayout* layout = find_layout(dtype);
  assert(layout != nullptr);
  return *layout;
}

std::int64_t record_bytes(const PackedLayout& layout, std::int64_t columns) {
  return columns / layout.span * layout.record_bytes;
}

std::int64_t group_bytes(const PackedLayout& layout, std::int64_t columns) {
  return record_bytes(layout, columns) +
         columns / kPackedColumns * layout.quant_bytes;
}

// Where a group's parts lie.
struct Group {
  std::byte* records;
  std::byte* quants;
};

void store_word(std::byte* p, std::uint32_t word) {
  std::memcpy(p, &word, sizeof word);
}

// q8_0 and q4_0: f16 d, then kWords words that go to word r of a line each.
template <int kWords, std::uint32_t kFlip>
void pack_small(const Group& group, std::int64_t columns,
                const std::byte* rows) {
  constexpr std::int64_t kBytes = 2 + 4 * kWords;
  const std::int64_t blocks = columns / 32;
  for (std::int64_t b = 0; b < blocks; ++b) {
    std::byte* scales = group.records + b * 2 * kPackedRows;
    std::byte* quants = group.quants + b * 4 * kWords * kPackedRows;
    for (std::int64_t r = 0; r < kPackedRows; ++r) {
      const std::byte* block = rows + (r * blocks + b) * kBytes;
      std::memcpy(scales + 2 * r, block, 2);
      for (int s = 0; s < kWords; ++s) {
        store_word(quants + 64 * s + 4 * r, u32(block + 2 + 4 * s) ^ kFlip);
      }
    }
  }
}

// The halves of `words`' bytes, low or high, as four words of a packed block.
void pack_halves(const std::byte* words, int shift, std::byte* quants) {
  const auto halves = [&](int i) {
    return u32(words + 4 * i) >> shift & 0x0f0f0f0f;
  };
  for (int s = 0; s < 4; ++s) {
    store_word(quants + 64 * s, halves(s) | halves(s + 4) << 4);
  }
}

// q4_k, and q5_k, which has fifth bits between its scales and its quants.
template <bool kFifth>
void pack_with_minima(const Group& group, std::int64_t columns,
                      const std::byte* rows) {
  constexpr PackedLayout kLayout = kFifth ? kQ5_KLayout : kQ4_KLayout;
  constexpr std::int64_t kBytes = kFifth ? 176 : 144;
  const std::int64_t blocks = columns / 256;
  for (std::int64_t i = 0; i < blocks * kPackedRows; ++i) {
    const std::int64_t b = i / kPackedRows;
    const std::int64_t r = i % kPackedRows;
    const std::byte* block = rows + (r * blocks + b) * kBytes;
    std::byte* record = group.records + b * kLayout.record_bytes;
    std::byte* quants = group.quants + b * 8 * kLayout.quant_bytes + 4 * r;
    std::memcpy(record + 2 * r, block, 2);
    std::memcpy(record + 32 + 2 * r, block + 2, 2);
    for (int g = 0; g < 8; ++g, quants += kLayout.quant_bytes) {
      const ScaleAndMinimum s = scale_and_minimum(block + 4, g);
      record[64 + 32 * g + r] = static_cast<std::byte>(s.scale);
      record[64 + 32 * g + 16 + r] = static_cast<std::byte>(s.minimum);
      pack_halves(block + (kFifth ? 48 : 16) + 32 * (g / 2), 4 * (g % 2),
                  quants);
      if constexpr (kFifth) {
        std::uint32_t fifth = 0;
        for (int w = 0; w < 8; ++w) {
          fifth |= (u32(block + 16 + 4 * w) >> g & 0x01010101) << w;
        }
        store_word(quants + 256, fifth);
      }
    }
  }
}

void pack_q6_k(const Group& group, std::int64_t columns,
               const std::byte* rows) {
  constexpr std::int64_t kBytes = 210;
  const std::int64_t blocks = columns / 256;
  for (std::int64_t i = 0; i < blocks * kPackedRows; ++i) {
    const std::int64_t b = i / kPackedRows;
    const std::int64_t r = i % kPackedRows;
    const std::byte* block = rows + (r * blocks + b) * kBytes;
    std::byte* record = group.records + b * kQ6_KLayout.record_bytes;
    std::byte* quants = group.quants + b * 8 * kQ6_KLayout.quant_bytes + 4 * r;
    std::memcpy(record + 2 * r, block + 208, 2);
    for (int s = 0; s < 16; ++s) record[32 + 16 * s + r] = block[192 + s];
    for (int g = 0; g < 8; ++g, quants += kQ6_KLayout.quant_bytes) {
      const int half = g / 4;
      const int run = g % 4;
      pack_halves(block + 64 * half + 32 * (run % 2), run / 2 * 4, quants);
      for (int t = 0; t < 2; ++t) {
        std::uint32_t top = 0;
        for (int w = 0; w < 4; ++w) {
          const std::byte* pairs = block + 128 + 32 * half + 16 * t + 4 * w;
          top |= (u32(pairs) >> (2 * run) & 0x03030303) << (2 * w);
        }
        store_word(quants + 256 + 64 * t, top);
      }
    }
  }
}

void pack_bf16(const Group& group, std::int64_t columns,
               const std::byte* rows) {
  std::byte* quants = group.quants;
  for (std::int64_t c = 0; c < columns; c += kPackedColumns) {
    for (std::int64_t r = 0; r < kPackedRows; ++r) {
      const std::byte* words = rows + 2 * (r * columns + c);
      for (int s = 0; s < 16; ++s) {
        store_word(quants + 64 * s + 4 * r, u32(words + 4 * s));
      }
    }
    quants += kBF16Layout.quant_bytes;
  }
}

// Of a packed block, for the word at `quants` of each line: column c's four
// bits.
int halves_at(const std::byte* quants, std::int64_t c) {
  const auto byte = static_cast<int>(u8(quants + c % 16 / 4 * 64 + c % 4));
  return c < 16 ? byte & 15 : byte >> 4;
}

}  // namespace

bool PackedMatrix::supports(DType dtype, std::int64_t rows,
                            std::int64_t columns) {
  const PackedLayout* layout = find_layout(dtype);
  return layout != nullptr && rows % kPackedRows == 0 &&
         columns % layout->span == 0;
}

PackedMatrix::PackedMatrix(DType dtype, std::int64_t rows, std::int64_t columns)
    : buffer_(static_cast<size_t>(rows / kPackedRows *
                                  group_bytes(layout_of(dtype), columns))),
      bytes_(rows / kPackedRows * group_bytes(layout_of(dtype), columns)),
      weights_{dtype, buffer_.data(), rows, columns, /*packed=*/true} {}

void PackedMatrix::pack(std::int64_t group, const std::byte* rows) {
  const PackedLayout& layout = layout_of(weights_.dtype);
  const std::int64_t columns = weights_.columns;
  std::byte* records = buffer_.data() + group * group_bytes(layout, columns);
  const Group target = {records, records + record_bytes(layout, columns)};
  switch (weights_.dtype) {
    case DType::kQ8_0:
      return pack_small<8, 0x80808080>(target, columns, rows);
    case DType::kQ4_0:
      return pack_small<4, 0>(target, columns, rows);
    case DType::kQ4_K:
      return pack_with_minima<false>(target, columns, rows);
    case DType::kQ5_K:
      return pack_with_minima<true>(target, columns, rows);
    case DType::kQ6_K:
      return pack_q6_k(target, columns, rows);
    case DType::kBF16:
      return pack_bf16(target, columns, rows);
    default:
      assert(false);
  }
}

std::span<const std::byte> rows_of(const WeightMatrix& weights,
                                   std::int64_t begin, std::int64_t end) {
  const std::int64_t rows = weights.packed ? kPackedRows : 1;
  const std::int64_t bytes =
      weights.packed ? group_bytes(layout_of(weights.dtype), weights.columns)
                     : row_bytes(weights.dtype, weights.columns);
  return {weights.data + begin / rows * bytes,
          static_cast<size_t>((end - begin) / rows * bytes)};
}

PackedBlock packed_block(const WeightMatrix& weights, std::int64_t row,
                         std::int64_t block) {
  const PackedLayout& layout = layout_of(weights.dtype);
  const std::int64_t r = row % kPackedRows;
  const std::byte* group =
      weights.data + row / kPackedRows * group_bytes(layout, weights.columns);
  const std::byte* record =
      group + block * kPackedColumns / layout.span * layout.record_bytes;
  const std::byte* quants = group + record_bytes(layout, weights.columns) +
                            block * layout.quant_bytes;
  const std::byte* word = quants + 4 * r;
  const auto g = static_cast<int>(block % (layout.span / kPackedColumns));
  PackedBlock result = {};
  result.scales[0] = result.scales[1] = f16(record + 2 * r);
  for (int c = 0; c < kPackedColumns; ++c) {
    switch (weights.dtype) {
      case DType::kQ8_0:
        result.quants[c] =
            static_cast<int>(u8(word + c / 4 * 64 + c % 4)) - 128;
        break;
      case DType::kQ4_0:
        result.quants[c] = halves_at(word, c) - 8;
        break;
      case DType::kQ4_K:
        result.quants[c] = halves_at(word, c);
        break;
      case DType::kQ5_K: {
        const unsigned fifth = u8(word + 256 + c % 4) >> (c / 4) & 1;
        result.quants[c] = halves_at(word, c) | static_cast<int>(fifth << 4);
        break;
      }
      case DType::kQ6_K: {
        const unsigned top =
            u8(word + 256 + c / 16 * 64 + c % 4) >> (c % 16 / 4 * 2) & 3;
        result.quants[c] =
            (halves_at(word, c) | static_cast<int>(top << 4)) - 32;
        break;
      }
      default:
        assert(false);
    }
  }
  if (weights.dtype == DType::kQ4_K || weights.dtype == DType::kQ5_K) {
    const std::byte* of_block = record + 64 + 32 * g + r;
    const float scale = static_cast<float>(u8(of_block));
    result.scales[0] = result.scales[1] = result.scales[0] * scale;
    result.minimum =
        f16(record + 32 + 2 * r) * static_cast<float>(u8(of_block + 16));
  } else if (weights.dtype == DType::kQ6_K) {
    for (int h = 0; h < 2; ++h) {
      result.scales[h] *=
          static_cast<float>(s8(record + 32 + 32 * g + 16 * h + r));
    }
  }
  return result;
}

namespace {

void unpack_bf16(const WeightMatrix& weights, std::int64_t row, float* out) {
  const std::byte* words =
      weights.data +
      row / kPackedRows * group_bytes(kBF16Layout, weights.columns) +
      4 * (row % kPackedRows);
  for (std::int64_t c = 0; c < weights.columns; c += 2) {
    out[c] = bf16_to_float(u16(words + 32 * c));
    out[c + 1] = bf16_to_float(u16(words + 32 * c + 2));
  }
}

}  // namespace

void dequantise_weights(const Kernels& kernels, const WeightMatrix& weights,
                        std::int64_t row, float* out) {
  if (!weights.packed) {
    kernels.dequantise(
        weights.dtype,
        weights.data + row * row_bytes(weights.dtype, weights.columns), out,
        weights.columns);
    return;
  }
  if (weights.dtype == DType::kBF16) {
    unpack_bf16(weights, row, out);
    return;
  }
  for (std::int64_t b = 0; b < weights.columns / kPackedColumns; ++b) {
    const PackedBlock block = packed_block(weights, row, b);
    for (std::int64_t c = 0; c < kPackedColumns; ++c) {
      *out++ = block.scales[c / 16] * static_cast<float>(block.quants[c]) -
               block.minimum;
    }
  }
}

}  // namespace pilotfish
