#include "backends/cpu/row_exchange.h"

#include <algorithm>

#include "kernels/packed_layout.h"

namespace pilotfish {
namespace {

constexpr auto kFloat = static_cast<std::int64_t>(sizeof(float));

}  // namespace

void RowExchange::reserve(std::int64_t floats) {
  if (exchange_ == nullptr) return;
  buffer_.reserve(static_cast<size_t>(floats));
}

void RowExchange::all_gather(float* data, std::int64_t rows,
                             std::span<const std::int64_t> columns) {
  if (exchange_ == nullptr || rows == 0) return;
  const auto begins = byte_begins(columns, rows * kFloat);
  if (rows == 1) {  // there is no stride
    exchange_->all_gather(reinterpret_cast<std::byte*>(data), begins);
    return;
  }
  copy(Way::kIn, rank_, data, rows, columns);
  exchange_->all_gather(reinterpret_cast<std::byte*>(buffer_.data()), begins);
  for (int rank = 0; rank + 1 < std::ssize(columns); ++rank) {
    if (rank != rank_) copy(Way::kOut, rank, data, rows, columns);
  }
}

void RowExchange::gather(float* data, std::int64_t rows,
                         std::span<const std::int64_t> columns) {
  if (exchange_ == nullptr || rows == 0) return;
  const auto begins = byte_begins(columns, rows * kFloat);
  if (rank_ != 0 || rows == 1) {
    exchange_->gather(reinterpret_cast<std::byte*>(data), begins);
    return;
  }
  exchange_->gather(reinterpret_cast<std::byte*>(buffer_.data()), begins);
  for (int rank = 1; rank + 1 < std::ssize(columns); ++rank) {
    copy(Way::kOut, rank, data, rows, columns);
  }
}

void RowExchange::all_gather_packed(std::byte* data,
                                    std::int64_t bytes_per_block,
                                    std::span<const std::int64_t> columns) {
  exchange_->all_gather(data,
                        byte_begins(columns, bytes_per_block, kPackedColumns));
}

// Between a rank's columns of the rows and its place in the buffer.
void RowExchange::copy(Way way, int rank, float* data, std::int64_t rows,
                       std::span<const std::int64_t> columns) {
  const std::int64_t begin = columns[static_cast<size_t>(rank)];
  const std::int64_t width = columns[static_cast<size_t>(rank) + 1] - begin;
  const std::int64_t stride = columns.back();
  for (std::int64_t row = 0; row < rows; ++row) {
    float* const theirs = data + row * stride + begin;
    float* const ours = buffer_.data() + rows * begin + row * width;
    std::copy_n(way == Way::kIn ? theirs : ours, width,
                way == Way::kIn ? ours : theirs);
  }
}

std::span<const std::int64_t> RowExchange::byte_begins(
    std::span<const std::int64_t> columns, std::int64_t factor,
    std::int64_t divisor) {
  begins_.clear();
  for (const std::int64_t column : columns) {
    begins_.push_back(column / divisor * factor);
  }
  return begins_;
}

}  // namespace pilotfish
