#ifndef PILOTFISH_BACKENDS_CPU_ROW_EXCHANGE_H_
#define PILOTFISH_BACKENDS_CPU_ROW_EXCHANGE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "backends/cpu/gather_queue.h"
#include "base/aligned_buffer.h"

namespace pilotfish {

// Rows of floats of which each rank has some columns. They travel by way of a
// buffer, where a rank's columns of all rows lie side by side. One gather at a
// time is started and then finished; what it refers to must be left alone in
// between. Where there is one rank, nothing travels.
class RowExchange {
 public:
  // `queue` must outlive this object.
  RowExchange(GatherQueue& queue, int rank) : queue_(queue), rank_(rank) {}

  // Room for `floats` in all. Throws std::bad_alloc.
  void reserve(std::int64_t floats);

  // Completes `rows` rows of columns.back() floats each; columns: [ranks + 1].
  void start_all_gather(float* data, std::int64_t rows,
                        std::span<const std::int64_t> columns);
  // The same for rank 0 alone. Another rank's `data` has nothing but its own
  // columns, side by side.
  void start_gather(float* data, std::int64_t rows,
                    std::span<const std::int64_t> columns);
  // Completes a packed input (PackedColumns). Requires: columns begin and end
  // between blocks.
  void start_all_gather_packed(std::byte* data, std::int64_t bytes_per_block,
                               std::span<const std::int64_t> columns);
  // Waits for what has been started, if anything has.
  void finish();

 private:
  enum class Way { kIn, kOut };
  // Rows that come out of the buffer when they are there.
  struct Arriving {
    float* data = nullptr;  // null: none
    std::int64_t rows = 0;
    std::span<const std::int64_t> columns;
  };

  static void copy(Way way, int rank, const Arriving& rows, float* buffer);
  void start(std::byte* data, std::span<const std::int64_t> columns,
             std::int64_t factor, std::int64_t divisor, bool to_all);

  GatherQueue& queue_;
  int rank_;
  AlignedBuffer<float> buffer_;
  Gather gather_;
  bool is_started_ = false;
  Arriving arriving_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_ROW_EXCHANGE_H_
