#include "kernels/linear.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <numeric>

#include "base/index_range.h"
#include "kernels/packed_matrix.h"

namespace pilotfish {
namespace {

// Threads take weight rows in whole grains, so that the kernels' tiles of rows
// are cut at few places, and groups of packed rows at none.
std::int64_t grain_rows(const LinearTask& task) {
  return task.weights.packed ? kPackedRows : 24;
}
// Fewer floats than this are packed by the caller alone: meeting the team would
// take longer.
constexpr std::int64_t kParallelPacking = 8192;

// Where the input lies in the form that the kernel for each dtype reads, packed
// or not.
class PackedInput {
 public:
  PackedInput(const Kernels& kernels, std::span<const LinearTask> tasks,
              std::int64_t m, AlignedBuffer<std::byte>& scratch)
      : kernels_(kernels), m_(m) {
    offsets_.fill(kAbsent);
    std::int64_t total = 0;
    for (const LinearTask& task : tasks) {
      std::int64_t& offset = offsets_[index(task.weights)];
      if (offset != kAbsent) continue;
      offset = total;
      total += (m * activation_bytes(kernels, task.weights) + 63) / 64 * 64;
    }
    scratch.reserve(static_cast<size_t>(total));
    data_ = scratch.data();
  }

  // Columns [begin, end) of a row of x.
  void pack_row(std::int64_t row, const float* x, std::int64_t begin,
                std::int64_t end) const {
    for (size_t i = 0; i < offsets_.size(); ++i) {
      if (offsets_[i] == kAbsent) continue;
      const auto dtype = static_cast<DType>(i / 2);
      std::byte* out = data_ + offsets_[i];
      if (i % 2 == 1) {
        kernels_.packed.pack_activations(
            dtype, x + begin, end - begin, row, m_,
            out + begin / kPackedColumns * bytes_per_block(dtype));
        continue;
      }
      assert(begin == 0);
      const std::int64_t bytes = kernels_.activation_bytes(dtype, end);
      kernels_.pack_activations(dtype, x, end, out + row * bytes);
    }
  }

  PackedColumns columns(const WeightMatrix& weights) const {
    assert(weights.packed);
    return {data_ + offsets_[index(weights)], bytes_per_block(weights.dtype)};
  }

  const std::byte* rows(const WeightMatrix& weights) const {
    assert(offsets_[index(weights)] != kAbsent);
    return data_ + offsets_[index(weights)];
  }

 private:
  static constexpr std::int64_t kAbsent = -1;
  // A packed block's activations of all rows are neighbours.
  std::int64_t bytes_per_block(DType dtype) const {
    return m_ * kernels_.packed.activation_bytes(dtype, kPackedColumns);
  }
  static size_t index(const WeightMatrix& weights) {
    return 2 * static_cast<size_t>(weights.dtype) + (weights.packed ? 1 : 0);
  }

  const Kernels& kernels_;
  const std::int64_t m_;
  std::array<std::int64_t, 2 * kDTypeCount> offsets_;  // bytes into data_
  std::byte* data_ = nullptr;
};

void add_bias(const LinearTask& task, std::int64_t m, std::int64_t begin,
              std::int64_t end) {
  if (task.bias == nullptr) return;
  for (std::int64_t i = 0; i < m; ++i) {
    float* out = task.out + i * task.out_stride;
    for (std::int64_t n = begin; n < end; ++n) out[n] += task.bias[n];
  }
}

std::int64_t grains(const LinearTask& task, std::int64_t grain) {
  return (task.weights.rows + grain - 1) / grain;
}

// Columns [begin, end) of a task's output.
void multiply(const Kernels& kernels, const LinearTask& task,
              const PackedInput& input, std::int64_t m, std::int64_t begin,
              std::int64_t end) {
  const MatmulArgs args{
      .weights = task.weights,
      .activations = input.rows(task.weights),
      .m = m,
      .out = task.out,
      .out_stride = task.out_stride,
  };
  const auto matmul =
      task.weights.packed ? kernels.packed.matmul : kernels.matmul;
  matmul(args, begin, end);
  add_bias(task, m, begin, end);
}

// The grains of all tasks, one task's after another's.
std::int64_t grains_in_a_row(std::span<const LinearTask> tasks) {
  std::int64_t total = 0;
  for (const LinearTask& task : tasks) total += grains(task, grain_rows(task));
  return total;
}

// Of a grain that suits every task.
std::int64_t common_grain_rows(std::span<const LinearTask> tasks) {
  std::int64_t grain = 1;
  for (const LinearTask& task : tasks) {
    assert(task.weights.rows == tasks.front().weights.rows);
    grain = std::lcm(grain, grain_rows(task));
  }
  return grain;
}

IndexRange rows_side_by_side(std::span<const LinearTask> tasks, int rank,
                             int threads) {
  return share_of(tasks.front().weights.rows, common_grain_rows(tasks), rank,
                  threads);
}

// Calls work(rank) for each thread that has a share.
void share_out(ThreadTeam& team, std::span<const LinearTask> tasks,
               LinearShares shares, FunctionRef<void(int rank)> work) {
  const std::int64_t count =
      shares == LinearShares::kInARow
          ? grains_in_a_row(tasks)
          : grains(tasks.front(), common_grain_rows(tasks));
  if (count > 1) {
    team.run(work);
  } else if (count == 1) {
    work(0);
  }
}

// Columns of all m rows of x, each of which `before` may make.
void pack(ThreadTeam& team, const PackedInput& input, const float* x,
          std::int64_t x_stride, std::int64_t m, IndexRange columns,
          FunctionRef<void(std::int64_t)> before) {
  const auto pack_rows = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      if (before) before(i);
      input.pack_row(i, x + i * x_stride, columns.begin, columns.end);
    }
  };
  if (m * columns.size() < kParallelPacking) {
    pack_rows(0, m);
  } else {
    team.parallel_for(m, 1, pack_rows);
  }
}

// Every task's share of every thread.
void multiply_all(const Kernels& kernels, ThreadTeam& team,
                  std::span<const LinearTask> tasks, const PackedInput& input,
                  std::int64_t m,
                  FunctionRef<void(std::int64_t, std::int64_t)> after) {
  const auto multiply_columns = [&](const LinearTask& task, std::int64_t begin,
                                    std::int64_t end) {
    assert(task.weights.columns == tasks.front().weights.columns);
    multiply(kernels, task, input, m, begin, end);
  };
  const LinearShares shares =
      after ? LinearShares::kSideBySide : LinearShares::kInARow;
  share_out(team, tasks, shares, [&](int rank) {
    for_each_share(tasks, shares, rank, team.size(), multiply_columns);
    if (!after) return;
    const IndexRange rows = rows_side_by_side(tasks, rank, team.size());
    if (!rows.empty()) after(rows.begin, rows.end);
  });
}

}  // namespace

void for_each_share(std::span<const LinearTask> tasks, LinearShares shares,
                    int rank, int threads,
                    FunctionRef<void(const LinearTask& task, std::int64_t begin,
                                     std::int64_t end)>
                        function) {
  if (shares == LinearShares::kSideBySide) {
    const IndexRange rows = rows_side_by_side(tasks, rank, threads);
    if (rows.empty()) return;
    for (const LinearTask& task : tasks) function(task, rows.begin, rows.end);
    return;
  }
  auto [first, last] = share_of(grains_in_a_row(tasks), 1, rank, threads);
  for (const LinearTask& task : tasks) {
    const std::int64_t grain = grain_rows(task);
    const std::int64_t count = grains(task, grain);
    const std::int64_t begin =
        std::clamp<std::int64_t>(first, 0, count) * grain;
    const std::int64_t end = std::min(
        std::clamp<std::int64_t>(last, 0, count) * grain, task.weights.rows);
    if (begin < end) function(task, begin, end);
    first -= count;
    last -= count;
  }
}

std::int64_t activation_bytes(const Kernels& kernels,
                              const WeightMatrix& weights) {
  const auto bytes = weights.packed ? kernels.packed.activation_bytes
                                    : kernels.activation_bytes;
  return bytes(weights.dtype, weights.columns);
}

void linear_many(const Kernels& kernels, ThreadTeam& team,
                 std::span<const LinearTask> tasks, const float* x,
                 std::int64_t x_stride, std::int64_t m,
                 AlignedBuffer<std::byte>& scratch, const LinearSteps& steps) {
  if (tasks.empty() || m == 0) return;
  const PackedInput input(kernels, tasks, m, scratch);
  pack(team, input, x, x_stride, m, {0, tasks.front().weights.columns},
       steps.before);
  multiply_all(kernels, team, tasks, input, m, steps.after);
}

PackedColumns pack_columns(const Kernels& kernels, ThreadTeam& team,
                           const LinearTask& task, const float* x,
                           std::int64_t x_stride, std::int64_t m,
                           IndexRange columns,
                           AlignedBuffer<std::byte>& scratch) {
  const PackedInput input(kernels, {&task, 1}, m, scratch);
  pack(team, input, x, x_stride, m, columns, {});
  return input.columns(task.weights);
}

void multiply_packed(const Kernels& kernels, ThreadTeam& team,
                     const LinearTask& task, std::int64_t m,
                     AlignedBuffer<std::byte>& scratch,
                     FunctionRef<void(std::int64_t, std::int64_t)> after) {
  if (m == 0) return;
  const PackedInput input(kernels, {&task, 1}, m, scratch);
  multiply_all(kernels, team, {&task, 1}, input, m, after);
}

void linear(const Kernels& kernels, ThreadTeam& team,
            const WeightMatrix& weights, const float* x, std::int64_t m,
            float* out, std::int64_t out_stride,
            AlignedBuffer<std::byte>& scratch) {
  const LinearTask task{
      .weights = weights, .out = out, .out_stride = out_stride};
  linear_many(kernels, team, {&task, 1}, x, weights.columns, m, scratch);
}

}  // namespace pilotfish
