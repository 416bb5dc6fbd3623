#ifndef PILOTFISH_KERNELS_LINEAR_H_
#define PILOTFISH_KERNELS_LINEAR_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/aligned_buffer.h"
#include "base/function_ref.h"
#include "base/index_range.h"
#include "base/thread_team.h"
#include "kernels/kernels.h"

namespace pilotfish {

// One linear layer of several that read the same input: out = x Wᵀ + bias.
struct LinearTask {
  WeightMatrix weights;         // [rows, columns]
  float* out = nullptr;         // [m, out_stride], the first `rows` written
  std::int64_t out_stride = 0;  // floats
  const float* bias = nullptr;  // [rows], or null for none
};

// What is done on the way, while the data is in a cache and the team together.
// The references must outlive the call.
struct LinearSteps {
  // Makes row i of x just before it is read; called once for each row, by any
  // thread.
  FunctionRef<void(std::int64_t row)> before;
  // Uses columns [begin, end) of all outputs, all rows, as soon as they are
  // there; called by the thread that made them. With it, all tasks must have
  // the same number of rows.
  FunctionRef<void(std::int64_t begin, std::int64_t end)> after;
};

// How linear_many shares the weight rows of its tasks out to threads.
enum class LinearShares {
  kInARow,      // one task's rows after another's; a share may span several
  kSideBySide,  // the same rows of every task: with LinearSteps::after
};

// Calls function(task, begin, end) with the rows of each task that thread
// `rank` of so many multiplies: in every call, whatever the input. What places
// weights asks this, too. Of the tasks only `weights` counts.
void for_each_share(std::span<const LinearTask> tasks, LinearShares shares,
                    int rank, int threads,
                    FunctionRef<void(const LinearTask& task, std::int64_t begin,
                                     std::int64_t end)>
                        function);

// Bytes of scratch that linear_many takes for each row of input of these
// weights (and up to 63 more in all).
std::int64_t activation_bytes(const Kernels& kernels,
                              const WeightMatrix& weights);

// Applies every task to the m rows of x [m, x_stride], whose first `columns`
// floats count; all tasks have the same number of columns. The input is packed
// once for each dtype among the tasks, and the team meets once for all of them
// (twice where there is much input). `scratch` grows as needed and can be
// reused by any later call. The results do not depend on the team's size.
// Outputs must not overlap x, nor each other.
void linear_many(const Kernels& kernels, ThreadTeam& team,
                 std::span<const LinearTask> tasks, const float* x,
                 std::int64_t x_stride, std::int64_t m,
                 AlignedBuffer<std::byte>& scratch,
                 const LinearSteps& steps = {});

// The input of one layer in the form that its kernel reads: each kPackedColumns
// columns of all rows take `bytes_per_block`.
struct PackedColumns {
  std::byte* data;  // of the scratch that it was packed into
  std::int64_t bytes_per_block;
};

// The two halves of linear_many for one task with packed weights, where each of
// several ranks has some columns of the input. Each packs its own, which begin
// and end between blocks of kPackedColumns; the packed form, which takes fewer
// bytes, is what they exchange. Then all multiply. The task and m must be the
// same in both halves, and the scratch must be left alone in between.
PackedColumns pack_columns(const Kernels& kernels, ThreadTeam& team,
                           const LinearTask& task, const float* x,
                           std::int64_t x_stride, std::int64_t m,
                           IndexRange columns,
                           AlignedBuffer<std::byte>& scratch);
// `after` as in LinearSteps.
void multiply_packed(const Kernels& kernels, ThreadTeam& team,
                     const LinearTask& task, std::int64_t m,
                     AlignedBuffer<std::byte>& scratch,
                     FunctionRef<void(std::int64_t, std::int64_t)> after);

// linear_many for one layer without bias; the rows of x are weights.columns
// apart.
void linear(const Kernels& kernels, ThreadTeam& team,
            const WeightMatrix& weights, const float* x, std::int64_t m,
            float* out, std::int64_t out_stride,
            AlignedBuffer<std::byte>& scratch);

}  // namespace pilotfish

#endif  // PILOTFISH_KERNELS_LINEAR_H_
