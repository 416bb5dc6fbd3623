#ifndef PILOTFISH_LAB_CONVERT_TENSOR_MOVES_H_
#define PILOTFISH_LAB_CONVERT_TENSOR_MOVES_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "formats/tensor_file_writer.h"
#include "model/tensor_names.h"
#include "pilotfish/model_config.h"

namespace pilotfish {

// The order of a head's rows in query and key projections. Hugging Face turns
// row i together with row i + head_dim / 2; llama.cpp's "llama" architecture
// turns neighbours, so its converter interleaves the two halves.
enum class RowOrder { kSame, kInterleave, kSeparate };

// One tensor on its way from one file into another.
struct TensorMove {
  const TensorView* source;
  TensorSpec target;
  RowOrder order = RowOrder::kSame;
  std::int64_t heads = 1;  // that the rows are made of
};

// What a plan needs to know beside the model.
struct MoveOptions {
  Checkpoint::Kind target;
  RowOrder query_key_order = RowOrder::kSame;
  std::function<DType(const TensorView&)> choose_dtype;
};

// Every tensor that the model uses, under its name in the other format. Throws
// Error where one is missing, has another shape than the configuration says, or
// cannot have the dtype chosen for it.
std::vector<TensorMove> plan_tensor_moves(const Checkpoint& checkpoint,
                                          const ModelConfig& config,
                                          const MoveOptions& options);

// Streams the tensors into a file that was started with the same targets.
// `file` names the source in messages. Throws Error where a value does not fit
// its new dtype, or the file cannot be written.
void move_tensors(std::span<const TensorMove> moves, const std::string& file,
                  TensorFileWriter& writer);

// A sentence about the tensors that no move takes along, the copy of tied
// embeddings aside; empty: there are none.
std::string left_out_text(const Checkpoint& checkpoint,
                          const ModelConfig& config,
                          std::span<const TensorMove> moves);

// What the writers of both formats take.
std::vector<TensorSpec> targets_of(std::span<const TensorMove> moves);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_CONVERT_TENSOR_MOVES_H_
