#include "backends/cpu/row_exchange.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "kernels/packed_layout.h"

namespace pilotfish {
namespace {

constexpr auto kFloat = static_cast<std::int64_t>(sizeof(float));

}  // namespace

void RowExchange::reserve(std::int64_t floats) {
  if (queue_.is_alone()) return;
  buffer_.reserve(static_cast<size_t>(floats));
}

void RowExchange::start_all_gather(float* data, std::int64_t rows,
                                   std::span<const std::int64_t> columns) {
  if (queue_.is_alone() || rows == 0) return;
  float* target = data;
  if (rows > 1) {  // one row has no stride
    target = buffer_.data();
    arriving_ = {data, rows, columns};
    copy(Way::kIn, rank_, arriving_, target);
  }
  start(reinterpret_cast<std::byte*>(target), columns, rows * kFloat,
        /*divisor=*/1, /*to_all=*/true);
}

void RowExchange::start_gather(float* data, std::int64_t rows,
                               std::span<const std::int64_t> columns) {
  if (queue_.is_alone() || rows == 0) return;
  float* target = data;
  if (rank_ == 0 && rows > 1) {
    target = buffer_.data();
    arriving_ = {data, rows, columns};
  }
  start(reinterpret_cast<std::byte*>(target), columns, rows * kFloat,
        /*divisor=*/1, /*to_all=*/false);
}

void RowExchange::start_all_gather_packed(
    std::byte* data, std::int64_t bytes_per_block,
    std::span<const std::int64_t> columns) {
  start(data, columns, bytes_per_block, kPackedColumns, /*to_all=*/true);
}

// A rank's bytes begin at its column, times a fraction.
void RowExchange::start(std::byte* data, std::span<const std::int64_t> columns,
                        std::int64_t factor, std::int64_t divisor,
                        bool to_all) {
  assert(!is_started_);
  gather_.data = data;
  gather_.to_all = to_all;
  gather_.begins.clear();
  for (const std::int64_t column : columns) {
    gather_.begins.push_back(column / divisor * factor);
  }
  queue_.start(gather_);
  is_started_ = true;
}

void RowExchange::finish() {
  if (!std::exchange(is_started_, false)) return;
  const Arriving arriving = std::exchange(arriving_, {});
  queue_.finish(gather_);
  if (arriving.data == nullptr) return;
  for (int rank = 0; rank + 1 < std::ssize(arriving.columns); ++rank) {
    if (rank != rank_) copy(Way::kOut, rank, arriving, buffer_.data());
  }
}

// Between a rank's columns of the rows and its place in the buffer.
void RowExchange::copy(Way way, int rank, const Arriving& rows, float* buffer) {
  const std::int64_t begin = rows.columns[static_cast<size_t>(rank)];
  const std::int64_t width =
      rows.columns[static_cast<size_t>(rank) + 1] - begin;
  const std::int64_t stride = rows.columns.back();
  for (std::int64_t row = 0; row < rows.rows; ++row) {
    float* const theirs = rows.data + row * stride + begin;
    float* const ours = buffer + rows.rows * begin + row * width;
    std::copy_n(way == Way::kIn ? theirs : ours, width,
                way == Way::kIn ? ours : theirs);
  }
}

}  // namespace pilotfish
