#ifndef PILOTFISH_MODEL_H_
#define PILOTFISH_MODEL_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pilotfish/dtype.h"
#include "pilotfish/kv_cache.h"
#include "pilotfish/model_config.h"
#include "pilotfish/threads.h"
#include "pilotfish/token.h"

namespace pilotfish {

// The rows of one forward pass: for each sequence the tokens that follow what
// its cache holds, and how many of the last of them return logits. Prefill,
// plain decoding and verification differ in nothing else.
class Batch {
 public:
  struct Entry {
    SequenceId sequence;
    std::int64_t first_row;  // of this entry in the batch
    std::int64_t rows;
    std::int64_t logits_rows;      // the last ones of `rows`
    std::int64_t hidden_rows = 0;  // the last ones of `rows`
    bool is_tree = false;
  };

  // Which layers' hidden rows the pass returns: 0 is the embedding, i the
  // residual stream that layer i leaves, counted from 1, before any norm.
  // Ascending, each once; none at first. Of which rows, each entry says.
  void want_hidden(std::span<const std::int64_t> layers);

  // A sequence may appear once. The last `logits_rows` rows return logits, the
  // last `hidden_rows` their hidden rows. Throws UsageError for more rows than
  // tokens, or less than 0.
  void add(SequenceId sequence, std::span<const Token> tokens,
           std::int64_t logits_rows, std::int64_t hidden_rows = 0);
  // Rows of a tree behind the last position (KvCache::append_tree). Each sees
  // the positions before the tree, its ancestors and itself, and its logits are
  // the same bits as if these had come one after another. Requires also:
  // parents.size() == tokens.size().
  void add_tree(SequenceId sequence, std::span<const Token> tokens,
                std::span<const std::int32_t> parents, std::int64_t logits_rows,
                std::int64_t hidden_rows = 0);
  // Back to an empty batch that wants no hidden rows.
  void clear();

  std::span<const Entry> entries() const { return entries_; }
  std::span<const Token> tokens() const { return tokens_; }  // [rows]
  // [entry.rows] of a tree, none of a line.
  std::span<const std::int32_t> parents(const Entry& entry) const;
  std::int64_t rows() const {
    return static_cast<std::int64_t>(tokens_.size());
  }
  std::int64_t logits_rows() const { return logits_rows_; }
  std::span<const std::int64_t> hidden_layers() const { return hidden_layers_; }
  std::int64_t hidden_rows() const { return hidden_rows_; }  // of each layer

 private:
  std::vector<Entry> entries_;
  std::vector<Token> tokens_;
  std::vector<std::int32_t> parents_;  // [rows]; only those of trees count
  std::int64_t logits_rows_ = 0;
  std::vector<std::int64_t> hidden_layers_;
  std::int64_t hidden_rows_ = 0;
};

// [rows, vocab_size] floats, in the order of the batch, for the rows that
// asked. They lie in the model and stay valid until its next forward pass.
class Logits {
 public:
  Logits() = default;
  Logits(const float* data, std::int64_t rows, std::int64_t vocab_size)
      : data_(data), rows_(rows), vocab_size_(vocab_size) {}
  std::int64_t rows() const { return rows_; }
  std::int64_t vocab_size() const { return vocab_size_; }
  std::span<const float> row(std::int64_t i) const {
    return {data_ + i * vocab_size_, static_cast<size_t>(vocab_size_)};
  }

 private:
  const float* data_ = nullptr;
  std::int64_t rows_ = 0;
  std::int64_t vocab_size_ = 0;
};

// [layers asked for, rows, hidden_size] floats, rows in the order of the batch:
// the input of heads that draft from the target's own states (Li et al. 2025,
// arXiv 2503.01840). Valid as long as the logits.
class HiddenRows {
 public:
  HiddenRows() = default;
  HiddenRows(const float* data, std::int64_t layers, std::int64_t rows,
             std::int64_t hidden_size)
      : data_(data), layers_(layers), rows_(rows), hidden_size_(hidden_size) {}
  std::int64_t layers() const { return layers_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t hidden_size() const { return hidden_size_; }
  // `layer`: an index into Batch::hidden_layers().
  std::span<const float> row(std::int64_t layer, std::int64_t i) const {
    return {data_ + (layer * rows_ + i) * hidden_size_,
            static_cast<size_t>(hidden_size_)};
  }

 private:
  const float* data_ = nullptr;
  std::int64_t layers_ = 0;
  std::int64_t rows_ = 0;
  std::int64_t hidden_size_ = 0;
};

// What a pass gives.
struct ForwardOutput {
  Logits logits;
  HiddenRows hidden;  // empty unless the batch wants some
};

struct LoadOptions {
  // The type of the linear layers and the embedding; nullopt: as they are
  // stored. bf16, f16, f32, q8_0 or q4_0. A matrix whose rows are not whole
  // blocks of it becomes bf16 instead: Model::matrices_kept_in_bf16.
  std::optional<DType> dtype = std::nullopt;
  // Throws Error for such a matrix.
  bool strict_dtype = false;
  // nullptr: a team of its own with one thread a processor.
  std::shared_ptr<ThreadTeam> threads = nullptr;
  // What computes: "cpu", or "cluster", which is all ranks' (cluster.h); empty:
  // that where this process leads a cluster, or else "cpu".
  std::string backend = {};
  // Of a cluster: how many ranks share the model, the first ones; 0: all. 1 is
  // this process alone.
  int ranks = 0;
  // Allows ranks with different instruction sets, which give other bits.
  bool mixed_instruction_sets = false;
  // Of the cpu: "scalar", "avx2", ...; empty: the fastest, or what
  // PILOTFISH_ISA says.
  std::string instruction_set = {};
  // How many layers to load: the first ones, which the final norm and output
  // follow (a truncated model, for use as a draft); 0: all, and a file that has
  // tensors of more layers than its configuration says is refused.
  std::int64_t layers = 0;
  // Positions that RoPE tables cover; 0: the model's own n_positions. Scaling
  // of kind dynamic is computed for this length.
  std::int64_t n_positions = 0;
  // Called with the fraction done while weights are copied; may be empty.
  std::function<void(double)> progress = {};
};

// What one of the processes that share a model has of it.
struct RankShare {
  std::string host;  // its name; empty where there is one process
  int threads = 0;
  std::int64_t weight_bytes = 0;    // of weights, wherever they lie
  std::int64_t resident_bytes = 0;  // of those, copied out of the file
};

// A Llama-family model: weights and the forward pass, both on the backend that
// it was loaded for. Weights are immutable, but the scratch memory of a pass is
// the model's own: one forward at a time.
class Model {
 public:
  // Reads a Hugging Face folder or a GGUF file. Throws Error (what tensor or
  // key, what was found and expected), UsageError for the options.
  static std::shared_ptr<Model> load(const std::filesystem::path& path,
                                     const LoadOptions& options = {});
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const ModelConfig& config() const;
  std::int64_t weight_bytes() const;     // of weights, wherever they lie
  std::int64_t resident_bytes() const;   // of those, copied out of the file
  std::vector<RankShare> ranks() const;  // that share it: this one, or more
  std::int64_t matrices_kept_in_bf16() const;  // see LoadOptions::dtype
  std::string_view backend() const;
  std::string_view instruction_set() const;
  const std::filesystem::path& path() const;
  ThreadTeam& threads() const;  // that it computes with

  // A cache for this model's sequences, in memory of its backend. It may
  // outlive the model. Throws UsageError for options out of range, Error where
  // the memory cannot be allocated.
  KvCache make_cache(const KvCacheOptions& options = {}) const;

  // Appends the batch's rows to the cache and returns the logits and hidden
  // rows asked for. The bits of a row depend on its own sequence's tokens
  // alone: not on the batch, the chunks a prompt came in, or the thread count.
  // Throws Error, with cache and model as they were, for a token out of range
  // or a sequence without room; UsageError for a cache that a model of another
  // shape or backend made.
  // `layers`: only the first ones, then the final norm and output; 0: all. The
  // rows' keys and values of the others stay unwritten, so take the rows back
  // (truncate) before a pass through all. Throws UsageError for more layers
  // than there are, and for hidden rows of a layer that does not run.
  ForwardOutput forward(const Batch& batch, KvCache& cache,
                        std::int64_t layers = 0);

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_MODEL_H_
