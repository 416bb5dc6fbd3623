#include "cli/model_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <optional>
#include <vector>

#include "cli/numbers.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

namespace fs = std::filesystem;

// Places of a file that are read, and how much of each.
constexpr std::int64_t kPlaces = 256;
constexpr std::int64_t kPlaceBytes = 4096;

// FNV-1a: the same on every machine.
class Hash {
 public:
  void add(std::string_view bytes) {
    for (const char c : bytes) {
      value_ = (value_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325;
};

void add_file(Hash& hash, const fs::path& path) {
  const auto size = static_cast<std::int64_t>(fs::file_size(path));
  hash.add(fmt::format("{}:", size));
  std::ifstream file(path, std::ios::binary);
  std::string bytes(kPlaceBytes, '\0');
  const std::int64_t last = std::max<std::int64_t>(0, size - kPlaceBytes);
  for (std::int64_t i = 0; i < kPlaces; ++i) {
    file.clear();
    file.seekg(last * i / (kPlaces - 1));
    file.read(bytes.data(), kPlaceBytes);
    hash.add({bytes.data(), static_cast<std::size_t>(file.gcount())});
  }
}

bool is_weights(const fs::path& path) {
  const std::string name = path.filename();
  return path.extension() == ".safetensors" || path.extension() == ".gguf" ||
         path.extension() == ".bin" || name == "config.json";
}

// All that decides about the bits of a model's logits beside its files.
std::string numerics(const Session& session, const ComputeOptions& options) {
  const Model& target = *session.target;
  const std::optional<DType> dtype = load_options(options).dtype;
  std::string text = fmt::format("{}-{}-{}-{}", target.instruction_set(),
                                 dtype ? dtype_name(*dtype) : "stored",
                                 target.config().n_layers(),
                                 dtype_name(session.engine.kv_dtype));
  const auto grows = [](const LayerConfig& layer) {
    return layer.attention.rope.scaling.kind == RopeScaling::Kind::kDynamic;
  };
  if (std::ranges::any_of(target.config().layers, grows)) {
    text += fmt::format("-{}", options.n_positions);
  }
  return text;
}

std::int64_t kv_bytes_per_token(const ModelConfig& config, DType dtype) {
  // Of 32 elements: a block of Q8_0 has a scale.
  const std::int64_t bytes_of_32 = dtype == DType::kF32    ? 128
                                   : dtype == DType::kQ8_0 ? 34
                                                           : 64;
  std::int64_t elements = 0;
  for (const LayerConfig& layer : config.layers) {
    elements += 2 * layer.attention.kv_size();
  }
  return elements * bytes_of_32 / 32;
}

}  // namespace

std::string model_name(const fs::path& path) {
  const fs::path name =
      (path.has_filename() ? path : path.parent_path()).filename();
  return name.extension() == ".gguf" ? name.stem() : name;
}

server::ModelFacts model_facts(const Session& session,
                               const DecodingOptions& options,
                               const std::string& alias) {
  const Model& target = *session.target;
  server::ModelFacts facts;
  const std::string name = model_name(target.path());
  facts.id = alias.empty() ? name : alias;
  if (facts.id != name) facts.other_ids = {name};
  facts.path = target.path().string();
  if (session.draft) facts.draft = model_name(session.draft->path());
  facts.created = static_cast<std::int64_t>(std::time(nullptr));
  facts.vocab_size = target.config().vocab_size;
  facts.parameters = target.config().parameters();
  facts.weight_bytes = target.weight_bytes();
  facts.trained_positions = target.config().n_positions;
  facts.fingerprint = fmt::format("{}-{}", weights_fingerprint(target.path()),
                                  numerics(session, options.compute));
  return facts;
}

std::string weights_fingerprint(const fs::path& model) {
  std::vector<fs::path> files;
  if (fs::is_directory(model)) {
    for (const auto& entry : fs::directory_iterator(model)) {
      if (entry.is_regular_file() && is_weights(entry.path())) {
        files.push_back(entry.path());
      }
    }
    std::ranges::sort(files);
  } else {
    files.push_back(model);
  }
  Hash hash;
  for (const fs::path& file : files) add_file(hash, file);
  return fmt::format("{:016x}", hash.value());
}

std::int64_t kv_bytes_per_token(const Session& session) {
  const DType dtype = session.engine.kv_dtype;
  return kv_bytes_per_token(session.target->config(), dtype) +
         (session.draft ? kv_bytes_per_token(session.draft->config(), dtype)
                        : 0);
}

std::int64_t parse_bytes(std::string_view flag, std::string_view text) {
  constexpr std::string_view kUnits = "KMGT";
  std::string_view digits = text;
  double unit = 1;
  if (!digits.empty()) {
    const std::size_t power = kUnits.find(static_cast<char>(
        digits.back() >= 'a' ? digits.back() - 32 : digits.back()));
    if (power != std::string_view::npos) {
      unit = std::pow(1024.0, static_cast<double>(power) + 1);
      digits.remove_suffix(1);
    }
  }
  const auto number = parse_number<double>(digits);
  if (!number || !(*number * unit >= 1) || *number * unit > 1e18) {
    throw UsageError(
        fmt::format("{}: found \"{}\", expected bytes, or a number with K, M, "
                    "G or T, as in 8G",
                    flag, text));
  }
  return static_cast<std::int64_t>(*number * unit);
}

}  // namespace pilotfish::cli
