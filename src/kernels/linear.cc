#include "kernels/linear.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>

namespace pilotfish {
namespace {

// Threads take weight rows in whole grains, so that the kernels' tiles of rows
// are cut at few places.
constexpr std::int64_t kGrainRows = 24;
// Fewer rows than this are packed by the caller alone: waking the team would
// take longer.
constexpr std::int64_t kParallelPackingRows = 8;

// Where the input lies in the form that each dtype's kernel reads.
class PackedInput {
 public:
  PackedInput(const Kernels& kernels, std::span<const LinearTask> tasks,
              std::int64_t m, AlignedBuffer<std::byte>& scratch)
      : kernels_(kernels) {
    offsets_.fill(kAbsent);
    std::int64_t total = 0;
    for (const LinearTask& task : tasks) {
      std::int64_t& offset = offsets_[index(task.weights.dtype)];
      if (offset != kAbsent) continue;
      offset = total;
      total += m * kernels.activation_bytes(task.weights.dtype,
                                            task.weights.columns);
    }
    scratch.reserve(static_cast<size_t>(total));
    data_ = scratch.data();
  }

  void pack_row(std::int64_t row, const float* x, std::int64_t columns) const {
    for (size_t i = 0; i < offsets_.size(); ++i) {
      if (offsets_[i] == kAbsent) continue;
      const auto dtype = static_cast<DType>(i);
      const std::int64_t bytes = kernels_.activation_bytes(dtype, columns);
      kernels_.pack_activations(dtype, x, columns,
                                data_ + offsets_[i] + row * bytes);
    }
  }

  const std::byte* rows(DType dtype) const {
    assert(offsets_[index(dtype)] != kAbsent);
    return data_ + offsets_[index(dtype)];
  }

 private:
  static constexpr std::int64_t kAbsent = -1;
  static size_t index(DType dtype) { return static_cast<size_t>(dtype); }

  const Kernels& kernels_;
  std::array<std::int64_t, kDTypeCount> offsets_;  // bytes into data_
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

std::int64_t grains(const LinearTask& task) {
  return (task.weights.rows + kGrainRows - 1) / kGrainRows;
}

}  // namespace

void linear_many(const Kernels& kernels, ThreadTeam& team,
                 std::span<const LinearTask> tasks, const float* x,
                 std::int64_t x_stride, std::int64_t m,
                 AlignedBuffer<std::byte>& scratch) {
  if (tasks.empty() || m == 0) return;
  const std::int64_t columns = tasks.front().weights.columns;
  const PackedInput input(kernels, tasks, m, scratch);
  const auto pack = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      input.pack_row(i, x + i * x_stride, columns);
    }
  };
  if (m < kParallelPackingRows) {
    pack(0, m);
  } else {
    team.parallel_for(m, 1, pack);
  }

  // All tasks' grains in a row: a thread's share may span several tasks.
  std::int64_t total = 0;
  for (const LinearTask& task : tasks) {
    assert(task.weights.columns == columns);
    total += grains(task);
  }
  team.parallel_for(total, 1, [&](std::int64_t first, std::int64_t last) {
    for (const LinearTask& task : tasks) {
      const std::int64_t count = grains(task);
      const std::int64_t begin =
          std::clamp<std::int64_t>(first, 0, count) * kGrainRows;
      const std::int64_t end =
          std::min(std::clamp<std::int64_t>(last, 0, count) * kGrainRows,
                   task.weights.rows);
      if (begin < end) {
        const MatmulArgs args{
            .weights = task.weights,
            .activations = input.rows(task.weights.dtype),
            .m = m,
            .out = task.out,
            .out_stride = task.out_stride,
        };
        kernels.matmul(args, begin, end);
        add_bias(task, m, begin, end);
      }
      first -= count;
      last -= count;
    }
  });
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
