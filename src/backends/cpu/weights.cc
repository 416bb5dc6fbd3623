#include "backends/cpu/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <new>
#include <set>
#include <string>

#include "backends/cpu/placement.h"
#include "base/out_of_memory.h"
#include "formats/extents.h"
#include "model/config.h"
#include "model/find_tensor.h"
#include "model/tensor_names.h"
#include "model/tensor_shapes.h"
#include "pilotfish/error.h"
#include "tensor/quantise.h"

namespace pilotfish {

namespace {

// With all rows of the groups of 16 that these are in.
IndexRange whole_groups(IndexRange rows) {
  if (rows.size() == 0) return {};
  const std::int64_t end = (rows.end + kPackedRows - 1) / kPackedRows;
  return {rows.begin / kPackedRows * kPackedRows, end * kPackedRows};
}

}  // namespace

// Finds the tensors of a model by their roles and checks them; conversion and
// packing come last, when nothing else can be wrong.
class WeightLoader {
 public:
  WeightLoader(Weights& weights, const ModelConfig& config, const Shard& shard,
               const WeightOptions& options, ThreadTeam& team)
      : weights_(weights),
        config_(config),
        shard_(shard),
        options_(options),
        team_(team) {}

  void load();

 private:
  // Rows of a matrix to copy, as another dtype or packed or both.
  struct Conversion {
    const TensorView* source;
    IndexRange rows;
    DType dtype;
    std::byte* target;     // row-major, or
    PackedMatrix* packed;  // not null; neither: rows are checked
  };
  // What a matrix serves for.
  enum class Use { kLookUp, kProduct };

  const Checkpoint& checkpoint() const { return *weights_.checkpoint_; }
  [[noreturn]] void fail(const std::string& tensor, std::string_view what) {
    throw Error(fmt::format("{}: tensor {}: {}", checkpoint().path().string(),
                            tensor, what));
  }

  LayerWeights load_layer(int layer);
  const TensorView& find(TensorRole role, int layer,
                         const std::vector<std::int64_t>& shape);
  // What a matrix is stored as.
  DType dtype_for(const TensorView& tensor);
  void load_embedding();
  void load_shards_embedding();
  // The shard's rows of it, without a bias.
  LinearWeights matrix(TensorRole role, Use use, int layer);
  LinearWeights linear(TensorRole role, TensorRole bias, int layer);
  // Null where the model has no such tensor.
  const float* vector(TensorRole role, int layer);
  const float* floats(const TensorView& tensor);
  void load_rope_divisors();
  void check_nothing_is_left_out();
  // For a copy of the tensor of that name.
  std::byte* allocate(std::int64_t bytes, const std::string& tensor);
  // The same, of pages that hold nothing else.
  std::byte* allocate_pages(std::int64_t bytes, const std::string& tensor);
  PackedMatrix& allocate_packed(DType dtype, const TensorView& tensor,
                                std::int64_t rows);
  [[noreturn]] void fail_for_memory(std::int64_t bytes,
                                    const std::string& tensor);
  void count_copy(std::int64_t bytes);
  void convert_all();
  void convert(const Conversion& conversion, std::int64_t& done,
               std::int64_t total);
  // Rows [begin, end) of a conversion, then of its source. All return false
  // where the new dtype cannot hold a value.
  static bool convert_part(const Conversion& conversion, std::int64_t begin,
                           std::int64_t end);
  static bool pack_rows(const Conversion& conversion, std::int64_t begin,
                        std::int64_t end);
  static bool convert_rows(const Conversion& conversion, std::int64_t begin,
                           std::int64_t end, std::byte* out);

  Weights& weights_;
  const ModelConfig& config_;
  const Shard& shard_;
  const WeightOptions& options_;
  ThreadTeam& team_;
  std::vector<Conversion> conversions_;
  std::set<const TensorView*> used_;
};

void WeightLoader::load() {
  if (options_.dtype && !can_quantise(*options_.dtype)) {
    throw UsageError(
        fmt::format("dtype {}: weights are converted to f32, f16, bf16, q8_0 "
                    "or q4_0",
                    dtype_name(*options_.dtype)));
  }
  load_embedding();
  weights_.output_norm_ = vector(TensorRole::kOutputNorm, 0);
  load_rope_divisors();
  for (int layer = 0; layer < config_.n_layers(); ++layer) {
    weights_.layers_.push_back(load_layer(layer));
  }
  check_nothing_is_left_out();
  place_weights(weights_, team_);
  if (options_.copies) convert_all();
}

void WeightLoader::load_embedding() {
  using enum TensorRole;
  const bool tied = config_.tied_embeddings;
  if (shard_.is_whole()) {
    weights_.embedding_ =
        matrix(kTokenEmbedding, tied ? Use::kProduct : Use::kLookUp, 0).weights;
  } else {
    load_shards_embedding();
  }
  const bool has_output = shard_.is_whole() && tied;
  weights_.output_ =
      has_output
          ? weights_.embedding_
          : matrix(tied ? kTokenEmbedding : kOutput, Use::kProduct, 0).weights;
}

// What the rows of this shard hold is checked, as a copy of them would be.
void WeightLoader::load_shards_embedding() {
  const TensorShape shape = *tensor_shape(config_, TensorRole::kTokenEmbedding);
  const TensorView& tensor =
      find(TensorRole::kTokenEmbedding, 0, shape.extents());
  weights_.embedded_ = &tensor;
  weights_.embedding_dtype_ = dtype_for(tensor);
  if (config_.tied_embeddings) {
    weights_.is_tied_ = true;
    weights_.kept_in_bf16_ = 0;  // the output counts it
    return;
  }
  const IndexRange rows = shard_.mine(shard_.vocab());
  weights_.bytes_ += rows.size() * row_bytes(tensor.dtype, shape.columns);
  if (weights_.embedding_dtype_ == tensor.dtype) return;
  conversions_.push_back(
      {&tensor, rows, weights_.embedding_dtype_, nullptr, nullptr});
}

LayerWeights WeightLoader::load_layer(int layer) {
  using enum TensorRole;
  LayerWeights weights;
  weights.attention_norm = vector(kAttentionNorm, layer);
  weights.query = linear(kQuery, kQueryBias, layer);
  weights.key = linear(kKey, kKeyBias, layer);
  weights.value = linear(kValue, kValueBias, layer);
  weights.attention_output =
      linear(kAttentionOutput, kAttentionOutputBias, layer);
  weights.query_norm = vector(kQueryNorm, layer);
  weights.key_norm = vector(kKeyNorm, layer);
  weights.ffn_norm = vector(kFfnNorm, layer);
  weights.gate = linear(kFfnGate, kFfnGateBias, layer);
  weights.up = linear(kFfnUp, kFfnUpBias, layer);
  weights.down = linear(kFfnDown, kFfnDownBias, layer);
  return weights;
}

const TensorView& WeightLoader::find(TensorRole role, int layer,
                                     const std::vector<std::int64_t>& shape) {
  const std::string name = tensor_name(checkpoint().kind(), role, layer);
  const TensorView* tensor = find_tensor(checkpoint(), config_, role, layer);
  if (!tensor && role == TensorRole::kOutput) {
    fail(name,
         "missing; where the embedding serves as output, config.json must say "
         "tie_word_embeddings");
  }
  if (!tensor) fail(name, "missing");
  if (tensor->shape != shape) {
    fail(name, fmt::format("found shape {}, expected {}",
                           shape_text(tensor->shape), shape_text(shape)));
  }
  used_.insert(tensor);
  return *tensor;
}

DType WeightLoader::dtype_for(const TensorView& tensor) {
  const DType dtype = options_.dtype.value_or(tensor.dtype);
  if (checked_bytes(dtype, tensor.shape)) return dtype;
  if (options_.strict_dtype) {
    fail(tensor.name,
         fmt::format("{} packs blocks of {} columns, found {}; convert to "
                     "bf16, f16 or f32, or keep {}",
                     dtype_name(dtype), block_shape(dtype).elements,
                     tensor.shape.back(), dtype_name(tensor.dtype)));
  }
  ++weights_.kept_in_bf16_;
  return DType::kBF16;
}

LinearWeights WeightLoader::matrix(TensorRole role, Use use, int layer) {
  const TensorShape shape = *tensor_shape(config_, role, layer);
  const std::int64_t columns = shape.columns;
  const TensorView& tensor = find(role, layer, shape.extents());
  const DType dtype = dtype_for(tensor);
  IndexRange rows = shard_.is_whole() ? IndexRange{0, *shape.rows}
                                      : shard_.rows(config_, role, layer);
  // A shard is packed where the whole is: the sums have another order.
  if (use == Use::kProduct &&
      PackedMatrix::supports(dtype, *shape.rows, columns) &&
      (dtype != DType::kBF16 || options_.packs_bf16)) {
    rows = whole_groups(rows);
    PackedMatrix& packed = allocate_packed(dtype, tensor, rows.size());
    conversions_.push_back({&tensor, rows, dtype, nullptr, &packed});
    return {packed.weights(), nullptr, rows.begin};
  }
  const bool placed = use == Use::kProduct && team_.nodes() > 1;
  const std::int64_t bytes = row_bytes(dtype, columns);
  if (dtype == tensor.dtype && !placed) {
    weights_.bytes_ += rows.size() * bytes;
    return {{dtype, tensor.data + rows.begin * bytes, rows.size(), columns},
            nullptr,
            rows.begin};
  }
  std::byte* target = placed ? allocate_pages(rows.size() * bytes, tensor.name)
                             : allocate(rows.size() * bytes, tensor.name);
  conversions_.push_back({&tensor, rows, dtype, target, nullptr});
  return {{dtype, target, rows.size(), columns}, nullptr, rows.begin};
}

LinearWeights WeightLoader::linear(TensorRole role, TensorRole bias,
                                   int layer) {
  LinearWeights linear = matrix(role, Use::kProduct, layer);
  const float* const whole = vector(bias, layer);
  if (whole != nullptr) linear.bias = whole + linear.first_row;
  return linear;
}

const float* WeightLoader::vector(TensorRole role, int layer) {
  const auto shape = tensor_shape(config_, role, layer);
  return shape ? floats(find(role, layer, shape->extents())) : nullptr;
}

const float* WeightLoader::floats(const TensorView& tensor) {
  const std::int64_t size = tensor.elements();
  auto* values = reinterpret_cast<float*>(
      allocate(size * static_cast<std::int64_t>(sizeof(float)), tensor.name));
  dequantise_row(tensor.dtype, tensor.data, values, size);
  return values;
}

void WeightLoader::load_rope_divisors() {
  const std::string name =
      tensor_name(checkpoint().kind(), TensorRole::kRopeFrequencies);
  if (name.empty() || !checkpoint().find(name)) return;
  const std::int64_t size = common_layer(config_).attention.rope.rotary_dim / 2;
  const float* divisors = floats(find(TensorRole::kRopeFrequencies, 0, {size}));
  weights_.rope_divisors_ = {divisors, static_cast<size_t>(size)};
  for (const float divisor : weights_.rope_divisors_) {
    if (!(divisor > 0) || !std::isfinite(divisor)) {
      fail(name, fmt::format("found {}, expected positive numbers", divisor));
    }
  }
}

// A bias or norm that the configuration does not know of would change every
// result. An output projection beside tied embeddings does not: it is a copy.
void WeightLoader::check_nothing_is_left_out() {
  for (const TensorView& tensor : checkpoint().tensors()) {
    const auto place = find_tensor_place(checkpoint().kind(), tensor.name);
    if (place && place->layer < config_.n_layers() &&
        place->role != TensorRole::kOutput && !used_.contains(&tensor)) {
      fail(tensor.name,
           "not expected: by its configuration the model has no such tensor");
    }
  }
}

void WeightLoader::fail_for_memory(std::int64_t bytes,
                                   const std::string& tensor) {
  throw out_of_memory(
      static_cast<std::uint64_t>(bytes),
      fmt::format(
          "a copy of tensor {} of {} after {} of other copies", tensor,
          checkpoint().path().string(),
          memory_text(static_cast<std::uint64_t>(weights_.resident_bytes_))),
      "a smaller dtype or the file's own needs less");
}

void WeightLoader::count_copy(std::int64_t bytes) {
  weights_.bytes_ += bytes;
  weights_.resident_bytes_ += bytes;
}

std::byte* WeightLoader::allocate(std::int64_t bytes,
                                  const std::string& tensor) {
  try {
    weights_.copies_.emplace_back(static_cast<size_t>(bytes));
  } catch (const std::bad_alloc&) {
    fail_for_memory(bytes, tensor);
  }
  count_copy(bytes);
  return weights_.copies_.back().data();
}

std::byte* WeightLoader::allocate_pages(std::int64_t bytes,
                                        const std::string& tensor) {
  try {
    weights_.placed_copies_.emplace_back(static_cast<size_t>(bytes));
  } catch (const std::bad_alloc&) {
    fail_for_memory(bytes, tensor);
  }
  count_copy(bytes);
  return weights_.placed_copies_.back().data();
}

PackedMatrix& WeightLoader::allocate_packed(DType dtype,
                                            const TensorView& tensor,
                                            std::int64_t rows) {
  const std::int64_t columns = tensor.shape[1];
  try {
    weights_.packed_.emplace_back(dtype, rows, columns);
  } catch (const std::bad_alloc&) {
    fail_for_memory(rows * row_bytes(dtype, columns), tensor.name);
  }
  count_copy(weights_.packed_.back().bytes());
  return weights_.packed_.back();
}

void WeightLoader::convert_all() {
  std::int64_t total = 0;
  for (const Conversion& conversion : conversions_) {
    total += conversion.rows.size() * conversion.source->shape[1];
  }
  std::int64_t done = 0;
  for (const Conversion& conversion : conversions_) {
    convert(conversion, done, total);
  }
}

void WeightLoader::convert(const Conversion& conversion, std::int64_t& done,
                           std::int64_t total) {
  constexpr std::int64_t kElementsAtOnce = 1 << 22;  // between progress calls
  const TensorView& source = *conversion.source;
  const std::int64_t columns = source.shape[1];
  const std::int64_t grain = conversion.packed != nullptr ? kPackedRows : 1;
  const std::int64_t step = (kElementsAtOnce / columns + grain) / grain * grain;
  std::atomic<bool> lost = false;
  for (std::int64_t first = 0; first < conversion.rows.size(); first += step) {
    const std::int64_t count = std::min(step, conversion.rows.size() - first);
    team_.parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
      if (!convert_part(conversion, first + begin, first + end)) lost = true;
    });
    done += count * columns;
    if (options_.progress) {
      options_.progress(static_cast<double>(done) / static_cast<double>(total));
    }
  }
  if (lost) {
    fail(source.name, fmt::format("found values beyond the range of {}; use "
                                  "bf16 or f32",
                                  dtype_name(conversion.dtype)));
  }
  checkpoint().release(source);
}

bool WeightLoader::convert_part(const Conversion& conversion,
                                std::int64_t begin, std::int64_t end) {
  if (conversion.packed != nullptr) return pack_rows(conversion, begin, end);
  const std::int64_t bytes =
      row_bytes(conversion.dtype, conversion.source->shape[1]);
  const std::int64_t first = conversion.rows.begin;
  if (conversion.target != nullptr) {
    return convert_rows(conversion, first + begin, first + end,
                        conversion.target + begin * bytes);
  }
  std::vector<std::byte> unused(static_cast<size_t>((end - begin) * bytes));
  return convert_rows(conversion, first + begin, first + end, unused.data());
}

bool WeightLoader::pack_rows(const Conversion& conversion, std::int64_t begin,
                             std::int64_t end) {
  const TensorView& source = *conversion.source;
  const std::int64_t first = conversion.rows.begin;
  const std::int64_t bytes = row_bytes(conversion.dtype, source.shape[1]);
  std::vector<std::byte> converted;
  bool kept = true;
  for (std::int64_t row = begin; row < end; row += kPackedRows) {
    const std::byte* rows = source.data + (first + row) * bytes;
    if (source.dtype != conversion.dtype) {
      converted.resize(static_cast<size_t>(kPackedRows * bytes));
      rows = converted.data();
      kept &= convert_rows(conversion, first + row, first + row + kPackedRows,
                           converted.data());
    }
    conversion.packed->pack(row / kPackedRows, rows);
  }
  return kept;
}

bool WeightLoader::convert_rows(const Conversion& conversion,
                                std::int64_t begin, std::int64_t end,
                                std::byte* out) {
  const TensorView& source = *conversion.source;
  const DType dtype = conversion.dtype;
  const std::int64_t columns = source.shape[1];
  const std::int64_t from_bytes = row_bytes(source.dtype, columns);
  const std::int64_t to_bytes = row_bytes(dtype, columns);
  if (source.dtype == dtype) {
    std::memcpy(out, source.data + begin * from_bytes,
                static_cast<size_t>((end - begin) * from_bytes));
    return true;
  }
  bool kept = true;
  std::vector<float> floats(static_cast<size_t>(columns));
  for (std::int64_t row = begin; row < end; ++row) {
    dequantise_row(source.dtype, source.data + row * from_bytes, floats.data(),
                   columns);
    quantise_row(dtype, floats.data(), out + (row - begin) * to_bytes, columns);
    kept &= !first_lost(dtype, floats).has_value();
  }
  return kept;
}

Weights::Weights(std::shared_ptr<const Checkpoint> checkpoint,
                 const ModelConfig& config, const Shard& shard,
                 const WeightOptions& options, ThreadTeam& team)
    : checkpoint_(std::move(checkpoint)) {
  WeightLoader(*this, config, shard, options, team).load();
}

void Weights::embed(const Kernels& kernels, Token token, float* out) const {
  if (embedded_ == nullptr) {
    dequantise_weights(kernels, embedding_, token, out);
    return;
  }
  const std::int64_t columns = embedded_->shape[1];
  const std::byte* row =
      embedded_->data + token * row_bytes(embedded_->dtype, columns);
  std::vector<std::byte> converted;
  if (embedding_dtype_ != embedded_->dtype) {
    converted.resize(static_cast<size_t>(row_bytes(embedding_dtype_, columns)));
    dequantise_row(embedded_->dtype, row, out, columns);
    quantise_row(embedding_dtype_, out, converted.data(), columns);
    row = converted.data();
  }
  // The sign of a zero can tell these two apart.
  const bool is_packed_in_the_whole = output_.packed && is_tied_;
  const auto dequantise =
      is_packed_in_the_whole ? dequantise_row : kernels.dequantise;
  dequantise(embedding_dtype_, row, out, columns);
}

}  // namespace pilotfish
