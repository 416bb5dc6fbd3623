#ifndef PILOTFISH_KERNELS_LINEAR_H_
#define PILOTFISH_KERNELS_LINEAR_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/aligned_buffer.h"
#include "base/function_ref.h"
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

// An input of which each of several ranks has some columns. Each packs its own,
// and the packed form, which takes fewer bytes, is what they exchange.
struct SharedInput {
  std::int64_t begin = 0;  // of the caller's columns
  std::int64_t end = 0;
  // Completes the packed input, in which each kPackedColumns columns of all
  // rows take `bytes_per_block`. Called once, before the first product.
  FunctionRef<void(std::byte* data, std::int64_t bytes_per_block)> complete;
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
  // Requires a single task, with packed weights, and columns that begin and end
  // between blocks of kPackedColumns. Null: x is whole.
  const SharedInput* shared = nullptr;
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

// The same for one layer without bias; the rows of x are weights.columns apart.
void linear(const Kernels& kernels, ThreadTeam& team,
            const WeightMatrix& weights, const float* x, std::int64_t m,
            float* out, std::int64_t out_stride,
            AlignedBuffer<std::byte>& scratch);

}  // namespace pilotfish

#endif  // PILOTFISH_KERNELS_LINEAR_H_
