// GGUF metadata, as llama.cpp writes and reads it (ggml/docs/gguf.md).

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <variant>

#include "formats/in_quotes.h"
#include "model/config.h"
#include "model/tensor_names.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

// Typed access to the keys of one architecture, with ranges.
class Reader {
 public:
  Reader(const GgufMetadata& metadata, std::string prefix)
      : metadata_(metadata), prefix_(std::move(prefix)) {}

  [[noreturn]] void fail(std::string_view key, const std::string& found,
                         const std::string& expected) const {
    throw Error(fmt::format("{}: key {}.{}: found {}, expected {}",
                            metadata_.file(), prefix_, key, found, expected));
  }

  bool has(std::string_view key) const { return metadata_.contains(full(key)); }

  void require(std::string_view key) const {
    if (!has(key)) {
      throw Error(
          fmt::format("{}: key {} is missing", metadata_.file(), full(key)));
    }
  }

  // Some extents may be written as one number a layer; they must be equal.
  std::int64_t integer(std::string_view key, std::int64_t absent,
                       std::int64_t min, std::int64_t max) const {
    if (!has(key)) return absent;
    const std::int64_t value = first_of(key);
    if (value < min || value > max) {
      fail(key, std::to_string(value),
           fmt::format("an integer from {} to {}", min, max));
    }
    return value;
  }

  double number(std::string_view key, double absent, double min,
                double max) const {
    const double value = metadata_.number(full(key)).value_or(absent);
    if (has(key) && !(value >= min && value <= max)) {
      fail(key, fmt::format("{}", value),
           fmt::format("a number from {} to {}", min, max));
    }
    return value;
  }

  std::string string(std::string_view key, std::string_view absent) const {
    const std::string* value = metadata_.string(full(key));
    return std::string(value ? *value : absent);
  }

 private:
  std::string full(std::string_view key) const {
    return fmt::format("{}.{}", prefix_, key);
  }

  std::int64_t first_of(std::string_view key) const {
    const auto value = metadata_.values().find(full(key));
    if (!std::holds_alternative<std::vector<std::int64_t>>(value->second)) {
      return *metadata_.integer(full(key));
    }
    const auto& values = *metadata_.integers(full(key));
    if (values.empty()) fail(key, "an empty array", "an integer");
    if (std::adjacent_find(values.begin(), values.end(),
                           std::not_equal_to<>()) != values.end()) {
      fail(key, "a different number for each layer", "the same for all");
    }
    return values.front();
  }

  const GgufMetadata& metadata_;
  std::string prefix_;
};

const Architecture& find_architecture(const GgufMetadata& metadata) {
  const std::string* name = metadata.string("general.architecture");
  if (!name) {
    throw Error(fmt::format("{}: key general.architecture is missing",
                            metadata.file()));
  }
  std::string known;
  for (const Architecture& architecture : architectures()) {
    if (architecture.gguf_name.empty()) continue;
    if (*name == architecture.gguf_name) return architecture;
    known += known.empty() ? "" : ", ";
    known += architecture.gguf_name;
  }
  throw Error(
      fmt::format("{}: key general.architecture: found {}, expected one of {}",
                  metadata.file(), in_quotes(*name), known));
}

// What the tensors say.
class Tensors {
 public:
  explicit Tensors(std::span<const TensorView> tensors) : tensors_(tensors) {}

  const TensorView* find(TensorRole role) const {
    const std::string name = tensor_name(Checkpoint::Kind::kGguf, role, 0);
    const auto place =
        std::find_if(tensors_.begin(), tensors_.end(),
                     [&](const TensorView& t) { return t.name == name; });
    return place == tensors_.end() ? nullptr : &*place;
  }
  bool has(TensorRole role) const { return find(role) != nullptr; }

 private:
  std::span<const TensorView> tensors_;
};

// The rows of the embedding where there is one: a vocabulary may be padded.
std::int64_t vocabulary_size(const GgufMetadata& metadata, const Reader& reader,
                             const Tensors& tensors) {
  const TensorView* embedding = tensors.find(TensorRole::kTokenEmbedding);
  if (embedding && !embedding->shape.empty()) return embedding->shape.front();
  const auto* texts = metadata.strings("tokenizer.ggml.tokens");
  return reader.integer("vocab_size",
                        texts ? static_cast<std::int64_t>(texts->size()) : 0, 1,
                        extent_field(&Extents::vocab_size).max);
}

Extents read_extents(const Reader& reader, std::int64_t vocab_size) {
  Extents extents;
  extents.vocab_size = vocab_size;
  const auto read = [&](std::int64_t Extents::*member, std::int64_t absent) {
    const ExtentField& field = extent_field(member);
    if (absent == 0) reader.require(field.gguf);
    extents.*member = reader.integer(field.gguf, absent, 1, field.max);
  };
  read(&Extents::hidden_size, 0);
  read(&Extents::intermediate_size, 0);
  read(&Extents::n_layers, 0);
  read(&Extents::n_heads, 0);
  read(&Extents::n_kv_heads, extents.n_heads);
  if (!reader.has("attention.key_length") &&
      extents.hidden_size % extents.n_heads != 0) {
    reader.fail("embedding_length", std::to_string(extents.hidden_size),
                fmt::format("a multiple of attention.head_count ({}), or "
                            "attention.key_length",
                            extents.n_heads));
  }
  // One at least, so that too many heads for the size are found later.
  read(&Extents::head_dim,
       std::max<std::int64_t>(1, extents.hidden_size / extents.n_heads));
  read(&Extents::n_positions, 0);
  read(&Extents::rotary_dim, extents.head_dim);
  return extents;
}

// Refuses what would make the weights mean something else.
void check_computation(const Reader& reader, const Extents& extents) {
  const std::int64_t value_length =
      reader.integer("attention.value_length", extents.head_dim, 1, 1 << 12);
  if (value_length != extents.head_dim) {
    reader.fail("attention.value_length", std::to_string(value_length),
                fmt::format("{}, the length of keys", extents.head_dim));
  }
  const std::int64_t experts = reader.integer("expert_count", 0, 0, 1 << 20);
  if (experts > 0) {
    reader.fail("expert_count", std::to_string(experts),
                "a dense model, without experts");
  }
}

RopeScaling read_scaling(const Reader& reader, std::int64_t n_positions) {
  using enum RopeScaling::Kind;
  constexpr double kMaxFactor = 1e6;
  RopeScaling scaling;
  // llama.cpp reads a factor without a type as linear, 0 as none.
  const std::string type = reader.string("rope.scaling.type", "linear");
  const std::string_view key = reader.has("rope.scaling.factor")
                                   ? "rope.scaling.factor"
                                   : "rope.scale_linear";
  const double factor = reader.number(key, 0, 0, kMaxFactor);
  if (type == "yarn") {
    scaling.kind = kYarn;
  } else if (type == "linear") {
    scaling.kind = factor == 0 || factor == 1 ? kNone : kLinear;
  } else if (type != "none") {
    reader.fail("rope.scaling.type", in_quotes(type), "none, linear or yarn");
  }
  if (scaling.kind == kNone) return scaling;
  scaling.factor = reader.number(key, 1, 1, kMaxFactor);
  scaling.original_positions = reader.integer(
      "rope.scaling.original_context_length", n_positions, 1, 1 << 30);
  if (scaling.kind == kYarn) {
    scaling.beta_fast =
        reader.number("rope.scaling.yarn_beta_fast", 32, 1e-6, 1e6);
    scaling.beta_slow =
        reader.number("rope.scaling.yarn_beta_slow", 1, 1e-6, 1e6);
    // Multiplies what the factor alone asks for.
    const double attention =
        reader.number("rope.scaling.attn_factor", 1, 1e-6, 1e6);
    if (attention != 1) {
      scaling.attention_factor =
          attention * (0.1 * std::log(scaling.factor) + 1);
    }
  }
  return scaling;
}

// End of text, and end of a turn or message where the file knows it apart. Ids
// that the vocabulary lacks are left out: they can never be produced.
void read_special_tokens(const GgufMetadata& metadata, ModelConfig& config) {
  const auto read = [&](std::string_view key) {
    std::vector<std::int64_t> ids = metadata.integer_or_integers(key);
    std::erase_if(ids, [&](std::int64_t id) {
      return id < 0 || id >= config.vocab_size;
    });
    return ids;
  };
  const auto bos = read("tokenizer.ggml.bos_token_id");
  config.bos = bos.empty() ? -1 : static_cast<Token>(bos.front());
  for (const std::string_view key :
       {std::string_view("tokenizer.ggml.eos_token_id"),
        std::string_view("tokenizer.ggml.eot_token_id"),
        std::string_view("tokenizer.ggml.eom_token_id"), kGgufEndTokens}) {
    for (const std::int64_t number : read(key)) {
      const auto id = static_cast<Token>(number);
      if (std::find(config.eos.begin(), config.eos.end(), id) ==
          config.eos.end()) {
        config.eos.push_back(id);
      }
    }
  }
}

}  // namespace

ModelConfig config_from_gguf(const GgufMetadata& metadata,
                             std::span<const TensorView> views) {
  const Architecture& architecture = find_architecture(metadata);
  const Reader reader(metadata, std::string(architecture.gguf_name));
  const Tensors tensors(views);

  ModelConfig config;
  LayerConfig layer;
  config.architecture = architecture.name;
  const Extents extents =
      read_extents(reader, vocabulary_size(metadata, reader, tensors));
  set_extents(extents, config, layer);
  check_computation(reader, extents);
  AttentionConfig& attention = layer.attention;
  attention.sliding_window =
      reader.integer("attention.sliding_window", 0, 0, 1 << 30);
  reader.require("attention.layer_norm_rms_epsilon");
  config.rms_epsilon =
      reader.number("attention.layer_norm_rms_epsilon", 0, 1e-30, 1);
  layer.rms_epsilon = config.rms_epsilon;
  attention.rope.theta = reader.number("rope.freq_base", 10000, 2, 1e18);
  attention.rope.scaling = read_scaling(reader, extents.n_positions);
  attention.rope.interleaved = architecture.gguf_interleaved;
  config.tied_embeddings = !tensors.has(TensorRole::kOutput);
  attention.bias = tensors.has(TensorRole::kQueryBias);
  attention.output_bias = tensors.has(TensorRole::kAttentionOutputBias);
  std::get<DenseFfn>(layer.ffn).bias = tensors.has(TensorRole::kFfnUpBias);
  attention.qk_norm = tensors.has(TensorRole::kQueryNorm);
  config.set_layers(extents.n_layers, layer);
  read_special_tokens(metadata, config);
  check_config(config, Checkpoint::Kind::kGguf, metadata.file());
  return config;
}

}  // namespace pilotfish
