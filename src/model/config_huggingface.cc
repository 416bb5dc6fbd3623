// config.json and generation_config.json, as transformers writes and reads
// them.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <variant>

#include "formats/in_quotes.h"
#include "model/config.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using nlohmann::json;

// Typed access to the keys of one JSON object; a null value counts as absent.
class Reader {
 public:
  // `prefix` is where the object lies in its file ("rope_scaling.").
  Reader(const json& object, std::string file, std::string prefix = "")
      : object_(object), file_(std::move(file)), prefix_(std::move(prefix)) {
    if (!object_.is_object()) {
      throw Error(fmt::format("{}: {}found {}, expected an object", file_,
                              prefix_.empty() ? "" : prefix_ + ": ",
                              object_.type_name()));
    }
  }

  [[noreturn]] void fail(const std::string& key, const std::string& found,
                         const std::string& expected) const {
    throw Error(fmt::format("{}: {}{}: found {}, expected {}", file_, prefix_,
                            key, found, expected));
  }
  [[noreturn]] void fail_missing(const std::string& key) const {
    throw Error(fmt::format("{}: {}{} is missing", file_, prefix_, key));
  }

  // Whether the key is there, even as null.
  bool has(const std::string& key) const { return object_.contains(key); }

  const json* find(const std::string& key) const {
    const auto place = object_.find(key);
    return place == object_.end() || place->is_null() ? nullptr : &*place;
  }

  std::int64_t integer(const std::string& key, std::int64_t absent,
                       std::int64_t min, std::int64_t max) const {
    const json* value = find(key);
    return value ? to_integer(key, *value, min, max) : absent;
  }

  std::int64_t to_integer(const std::string& key, const json& value,
                          std::int64_t min, std::int64_t max) const {
    const std::optional<std::int64_t> number = whole_number(value);
    if (!number || *number < min || *number > max) {
      fail(key, text(value), fmt::format("an integer from {} to {}", min, max));
    }
    return *number;
  }

  double number(const std::string& key, double absent, double min,
                double max) const {
    const json* value = find(key);
    if (!value) return absent;
    const double number = value->is_number() ? value->get<double>() : NAN;
    if (!(number >= min && number <= max)) {
      fail(key, text(*value), fmt::format("a number from {} to {}", min, max));
    }
    return number;
  }

  bool boolean(const std::string& key, bool absent) const {
    const json* value = find(key);
    if (!value) return absent;
    if (!value->is_boolean()) fail(key, text(*value), "true or false");
    return value->get<bool>();
  }

  // Empty where absent.
  std::string string(const std::string& key) const {
    const json* value = find(key);
    if (!value) return "";
    if (!value->is_string()) fail(key, text(*value), "a string");
    return value->get<std::string>();
  }

  Reader inner(const std::string& key) const {
    return Reader(*find(key), file_, prefix_ + key + ".");
  }

  static std::string text(const json& value) {
    if (value.is_string())
      return in_quotes(value.get_ref<const std::string&>());
    if (value.is_structured()) return value.type_name();
    return value.dump();
  }

 private:
  // Also of 512.0, as some tools write integers.
  static std::optional<std::int64_t> whole_number(const json& value) {
    constexpr double kExact = 1LL << 53;
    if (value.is_number_float()) {
      const double number = value.get<double>();
      if (!(std::abs(number) <= kExact) || number != std::floor(number)) {
        return std::nullopt;
      }
      return static_cast<std::int64_t>(number);
    }
    if (!value.is_number_integer() ||
        (value.is_number_unsigned() &&
         !std::in_range<std::int64_t>(value.get<std::uint64_t>()))) {
      return std::nullopt;
    }
    return value.get<std::int64_t>();
  }

  const json& object_;
  std::string file_;
  std::string prefix_;
};

const Architecture& find_architecture(const Reader& reader) {
  std::string known;
  const json* classes = reader.find("architectures");
  const json* first = classes && classes->is_array() && !classes->empty()
                          ? &classes->front()
                          : nullptr;
  const std::string type = reader.string("model_type");
  const std::string found = first           ? Reader::text(*first)
                            : !type.empty() ? "model_type " + in_quotes(type)
                            : classes       ? "an empty list, and no model_type"
                                            : "neither it nor model_type";
  for (const Architecture& architecture : architectures()) {
    if (first ? *first == std::string(architecture.hugging_face_class)
              : type == architecture.name) {
      return architecture;
    }
    known += known.empty() ? "" : ", ";
    known += architecture.hugging_face_class;
  }
  reader.fail("architectures", found, "one of " + known);
}

// Refuses what would make the weights mean something else.
void check_computation(const Reader& reader) {
  const std::string activation = reader.string("hidden_act");
  if (!activation.empty() && activation != "silu" && activation != "swish") {
    reader.fail("hidden_act", in_quotes(activation), "silu");
  }
  if (reader.find("quantization_config")) {
    reader.fail("quantization_config", "a quantised model",
                "plain f32, f16 or bf16 weights (quantised ones are read from "
                "GGUF files)");
  }
}

// All but rotary_dim, which read_rope finds.
Extents read_extents(const Reader& reader, const Architecture& architecture) {
  Extents extents;
  const auto read = [&](std::int64_t Extents::*member, std::int64_t absent) {
    const ExtentField& field = extent_field(member);
    extents.*member =
        reader.integer(std::string(field.hugging_face), absent, 1, field.max);
  };
  read(&Extents::vocab_size, architecture.vocab_size);
  read(&Extents::hidden_size, 4096);
  read(&Extents::intermediate_size, architecture.intermediate_size);
  read(&Extents::n_layers, 32);
  read(&Extents::n_heads, 32);
  // Null asks for one key/value head a query head, whatever the default is.
  read(&Extents::n_kv_heads,
       architecture.n_kv_heads > 0 && !reader.has("num_key_value_heads")
           ? architecture.n_kv_heads
           : extents.n_heads);
  if (architecture.head_dim == 0 && !reader.find("head_dim") &&
      extents.hidden_size % extents.n_heads != 0) {
    reader.fail("hidden_size", std::to_string(extents.hidden_size),
                fmt::format("a multiple of num_attention_heads ({}), or "
                            "head_dim",
                            extents.n_heads));
  }
  read(&Extents::head_dim, architecture.head_dim > 0
                               ? architecture.head_dim
                               : extents.hidden_size / extents.n_heads);
  read(&Extents::n_positions, architecture.n_positions);
  return extents;
}

// The window of each layer.
std::vector<std::int64_t> read_windows(const Reader& reader,
                                       const Architecture& architecture,
                                       std::int64_t n_layers) {
  constexpr std::int64_t kDefaultWindow = 4096;
  constexpr std::int64_t kDefaultFullLayers = 28;
  std::vector<std::int64_t> windows(static_cast<size_t>(n_layers), 0);
  const bool by_key = architecture.window == Architecture::Window::kByKey;
  const bool used = architecture.window == Architecture::Window::kIfUsed &&
                    reader.boolean("use_sliding_window", false);
  const bool is_null =
      reader.has("sliding_window") && !reader.find("sliding_window");
  if ((!by_key && !used) || is_null) return windows;
  const std::int64_t window =
      reader.integer("sliding_window", kDefaultWindow, 1, 1 << 30);
  const std::int64_t full_layers =
      used ? reader.integer("max_window_layers", kDefaultFullLayers, 0, 1 << 30)
           : 0;
  if (full_layers < n_layers) {
    std::fill(windows.begin() + full_layers, windows.end(), window);
  }
  return windows;
}

// The name that config.json has for the type of a layer.
std::string_view layer_type(std::int64_t window) {
  return window > 0 ? "sliding_attention" : "full_attention";
}

// Newer files list each layer's kind; it must be what the other keys say.
void check_layer_types(const Reader& reader,
                       const std::vector<std::int64_t>& windows) {
  const json* types = reader.find("layer_types");
  if (!types) return;
  if (!types->is_array() || types->size() != windows.size()) {
    reader.fail("layer_types", Reader::text(*types),
                fmt::format("a list of {} layers", windows.size()));
  }
  for (size_t i = 0; i < windows.size(); ++i) {
    const std::string_view expected = layer_type(windows[i]);
    const json& type = (*types)[i];
    if (type != std::string(expected)) {
      reader.fail(fmt::format("layer_types[{}]", i), Reader::text(type),
                  fmt::format("{}, as sliding_window and max_window_layers say",
                              expected));
    }
  }
}

RopeScaling::Kind scaling_kind(const Reader& reader) {
  using enum RopeScaling::Kind;
  constexpr std::pair<std::string_view, RopeScaling::Kind> kKinds[] = {
      {"default", kNone}, {"linear", kLinear}, {"dynamic", kDynamic},
      {"yarn", kYarn},    {"llama3", kLlama3},
  };
  const std::string key = reader.find("rope_type") ? "rope_type" : "type";
  if (!reader.find(key)) return kNone;
  const std::string name = reader.string(key);
  for (const auto& [text, kind] : kKinds) {
    if (name == text) return kind;
  }
  reader.fail(key, in_quotes(name), "default, linear, dynamic, yarn or llama3");
}

// The attention factor of YaRN as transformers derives it where the file does
// not give it; 0 where RopeScaling's own default is the same.
double yarn_attention_factor(const Reader& reader, double factor) {
  constexpr double kMax = 1e6;
  if (reader.find("attention_factor")) {
    return reader.number("attention_factor", 0, 1e-6, kMax);
  }
  const double mscale = reader.number("mscale", 0, 0, kMax);
  const double all = reader.number("mscale_all_dim", 0, 0, kMax);
  if (mscale == 0 || all == 0) return 0;
  const double log_factor = 0.1 * std::log(factor);
  return (mscale * log_factor + 1) / (all * log_factor + 1);
}

RopeScaling read_scaling(const Reader& reader, std::int64_t n_positions) {
  RopeScaling scaling;
  scaling.kind = scaling_kind(reader);
  if (scaling.kind == RopeScaling::Kind::kNone) return scaling;
  if (!reader.find("factor")) reader.fail_missing("factor");
  scaling.factor = reader.number("factor", 1, 1, 1e6);
  scaling.original_positions = reader.integer(
      "original_max_position_embeddings", n_positions, 1, 1 << 30);
  if (scaling.kind == RopeScaling::Kind::kLlama3) {
    for (const char* key : {"low_freq_factor", "high_freq_factor",
                            "original_max_position_embeddings"}) {
      if (!reader.find(key)) reader.fail_missing(key);
    }
    scaling.low_frequency_factor = reader.number("low_freq_factor", 1, 0, 1e6);
    scaling.high_frequency_factor =
        reader.number("high_freq_factor", 4, 0, 1e6);
    if (scaling.high_frequency_factor <= scaling.low_frequency_factor) {
      reader.fail("high_freq_factor",
                  fmt::format("{}", scaling.high_frequency_factor),
                  fmt::format("more than low_freq_factor ({})",
                              scaling.low_frequency_factor));
    }
  }
  if (scaling.kind == RopeScaling::Kind::kYarn) {
    scaling.beta_fast = reader.number("beta_fast", 32, 1e-6, 1e6);
    scaling.beta_slow = reader.number("beta_slow", 1, 1e-6, 1e6);
    scaling.truncate = reader.boolean("truncate", true);
    scaling.attention_factor = yarn_attention_factor(reader, scaling.factor);
  }
  return scaling;
}

// The parameters that lie under `key`, null where there are none. Newer files
// may give them for each type of layer: {"full_attention": {...},
// "sliding_attention": {...}}.
std::optional<Reader> rope_parameters(const Reader& reader,
                                      const std::string& key,
                                      std::string_view type) {
  const json* parameters = reader.find(key);
  if (!parameters) return std::nullopt;
  const Reader flat = reader.inner(key);
  const bool nested =
      std::any_of(parameters->begin(), parameters->end(),
                  [](const json& value) { return value.is_object(); });
  if (!nested) return flat;
  const std::string name(type);
  if (!flat.find(name)) flat.fail_missing(name);
  return flat.inner(name);
}

// Of layers of one type. Older files: rope_theta and rope_scaling side by side;
// newer ones: rope_parameters with all of it.
RopeConfig read_rope(const Reader& reader, const Extents& extents,
                     std::string_view type) {
  RopeConfig rope;
  const auto read = [&](const Reader& from) {
    rope.theta = from.number("rope_theta", rope.theta, 2, 1e18);
    const double fraction = from.number("partial_rotary_factor", 0, 0, 1);
    if (fraction > 0) {
      rope.rotary_dim = static_cast<std::int64_t>(
          static_cast<double>(extents.head_dim) * fraction);
    }
  };
  rope.rotary_dim = extents.head_dim;
  read(reader);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const auto parameters = rope_parameters(reader, key, type);
    if (!parameters) continue;
    read(*parameters);
    rope.scaling = read_scaling(*parameters, extents.n_positions);
  }
  return rope;
}

// A number, a list of them, or null. Ids that the vocabulary lacks are left
// out: they can never be produced.
void read_ids(const Reader& reader, const std::string& key,
              std::int64_t vocab_size, std::vector<Token>& ids) {
  const json* value = reader.find(key);
  if (!value) return;
  const auto add = [&](const json& item) {
    const std::int64_t id =
        reader.to_integer(key, item, std::numeric_limits<Token>::min(),
                          std::numeric_limits<Token>::max());
    if (id < 0 || id >= vocab_size) return;
    const auto token = static_cast<Token>(id);
    if (std::find(ids.begin(), ids.end(), token) == ids.end()) {
      ids.push_back(token);
    }
  };
  if (!value->is_array()) return add(*value);
  for (const json& item : *value) add(item);
}

void read_special_tokens(const Reader& reader, const Reader& generation,
                         const Architecture& architecture,
                         ModelConfig& config) {
  std::vector<Token> bos;
  if (!reader.has("bos_token_id") && architecture.bos >= 0) {
    bos.push_back(architecture.bos);
  }
  if (!reader.has("eos_token_id") && architecture.eos >= 0) {
    config.eos.push_back(architecture.eos);
  }
  for (const Reader* source : {&reader, &generation}) {
    read_ids(*source, "bos_token_id", config.vocab_size, bos);
    read_ids(*source, "eos_token_id", config.vocab_size, config.eos);
  }
  if (!bos.empty() && bos.front() < config.vocab_size) config.bos = bos.front();
  std::erase_if(config.eos, [&](Token id) { return id >= config.vocab_size; });
}

}  // namespace

ModelConfig config_from_json(const json& json_config, const json& generation,
                             std::string_view file) {
  const Reader reader(json_config, std::string(file));
  const auto folder = std::filesystem::path(file).parent_path();
  const Reader generation_reader(generation,
                                 (folder / "generation_config.json").string());
  const Architecture& architecture = find_architecture(reader);
  check_computation(reader);

  ModelConfig config;
  LayerConfig layer;
  config.architecture = architecture.name;
  const Extents extents = read_extents(reader, architecture);
  set_extents(extents, config, layer);
  const auto windows = read_windows(reader, architecture, extents.n_layers);
  check_layer_types(reader, windows);
  config.rms_epsilon = reader.number("rms_norm_eps", 1e-6, 1e-30, 1);
  layer.rms_epsilon = config.rms_epsilon;
  config.tied_embeddings = reader.boolean("tie_word_embeddings", false);
  const bool biased = architecture.qkv_bias == Architecture::Bias::kByKey &&
                      reader.boolean("attention_bias", false);
  layer.attention.bias =
      biased || architecture.qkv_bias == Architecture::Bias::kAlways;
  layer.attention.output_bias = biased;
  std::get<DenseFfn>(layer.ffn).bias =
      architecture.mlp_bias_by_key && reader.boolean("mlp_bias", false);
  layer.attention.qk_norm = architecture.qk_norm;
  config.set_layers(extents.n_layers, layer);
  for (size_t i = 0; i < windows.size(); ++i) {
    AttentionConfig& attention = config.layers[i].attention;
    attention.sliding_window = windows[i];
    attention.rope = read_rope(reader, extents, layer_type(windows[i]));
  }
  read_special_tokens(reader, generation_reader, architecture, config);
  check_config(config, Checkpoint::Kind::kHuggingFace, file);
  return config;
}

}  // namespace pilotfish
