#ifndef PILOTFISH_BACKENDS_CPU_ROW_EXCHANGE_H_
#define PILOTFISH_BACKENDS_CPU_ROW_EXCHANGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backends/cpu/exchange.h"
#include "base/aligned_buffer.h"

namespace pilotfish {

// Rows of floats of which each rank has some columns. They travel by way of a
// buffer, where a rank's columns of all rows lie side by side.
class RowExchange {
 public:
  // Without an exchange this is the only rank, and nothing travels.
  RowExchange(Exchange* exchange, int rank)
      : exchange_(exchange), rank_(rank) {}

  // Room for `floats` in all. Throws std::bad_alloc.
  void reserve(std::int64_t floats);

  // Completes `rows` rows of columns.back() floats each; begins: [ranks + 1].
  void all_gather(float* data, std::int64_t rows,
                  std::span<const std::int64_t> columns);
  // The same for rank 0 alone. Another rank's `data` has nothing but its own
  // columns, side by side.
  void gather(float* data, std::int64_t rows,
              std::span<const std::int64_t> columns);
  // Completes the packed input of a product (SharedInput::complete). Requires:
  // columns begin and end between blocks.
  void all_gather_packed(std::byte* data, std::int64_t bytes_per_block,
                         std::span<const std::int64_t> columns);

 private:
  enum class Way { kIn, kOut };
  void copy(Way way, int rank, float* data, std::int64_t rows,
            std::span<const std::int64_t> columns);
  // Where each rank's bytes begin: its columns, times a fraction.
  std::span<const std::int64_t> byte_begins(
      std::span<const std::int64_t> columns, std::int64_t factor,
      std::int64_t divisor = 1);

  Exchange* exchange_;
  int rank_;
  AlignedBuffer<float> buffer_;
  std::vector<std::int64_t> begins_;  // [ranks + 1]
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_ROW_EXCHANGE_H_
