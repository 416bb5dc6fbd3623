#include "pilotfish/recommended_sampling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>

#include "formats/json.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;

// The members of generation_config.json that are read.
class GenerationConfig {
 public:
  explicit GenerationConfig(const fs::path& file)
      : file_(file), json_(read_json_object(file)) {}

  std::optional<double> number(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end() || found->is_null()) return std::nullopt;
    if (!found->is_number()) fail(key, found->dump(), "a number");
    return found->get<double>();
  }
  std::optional<bool> flag(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end() || found->is_null()) return std::nullopt;
    if (!found->is_boolean()) fail(key, found->dump(), "true or false");
    return found->get<bool>();
  }
  // -1 and 0 are off, as other programs write it.
  std::optional<std::int64_t> top_k() const {
    const auto value = number("top_k");
    if (!value) return std::nullopt;
    if (!(*value >= -1 && *value <= 1e15)) {
      fail("top_k", fmt::format("{}", *value), "0 (off) or more");
    }
    return std::max<std::int64_t>(0, static_cast<std::int64_t>(*value));
  }

  [[noreturn]] void fail(const char* key, const std::string& found,
                         const char* expected) const {
    throw Error(fmt::format("{}: {}: found {}, expected {}", file_.string(),
                            key, found, expected));
  }

 private:
  fs::path file_;
  nlohmann::json json_;
};

void read(const GenerationConfig& config, RecommendedSampling& sampling) {
  const auto state = [&](const char* name, auto& member, const auto& value) {
    if (!value) return;
    member = *value;
    sampling.stated.emplace_back(name);
  };
  SamplingParams& params = sampling.params;
  state("repetition_penalty", params.repetition_penalty,
        config.number("repetition_penalty"));
  const auto do_sample = config.flag("do_sample");
  auto temperature = config.number("temperature");
  if (do_sample == true && !temperature) temperature = 1;
  if (do_sample == false) temperature = 0;
  state("temperature", params.temperature, temperature);
  // The others only choose what may be drawn.
  if (!temperature || *temperature == 0) return;
  state("top_k", params.top_k, config.top_k());
  state("top_p", params.top_p, config.number("top_p"));
  state("min_p", params.min_p, config.number("min_p"));
}

}  // namespace

RecommendedSampling recommended_sampling(const fs::path& model) {
  std::error_code ignored;
  const fs::path folder =
      fs::is_directory(model, ignored) ? model : model.parent_path();
  const fs::path file = folder / "generation_config.json";
  RecommendedSampling sampling;
  if (model.extension() == ".gguf" || !fs::exists(file, ignored)) {
    return sampling;
  }
  read(GenerationConfig(file), sampling);
  try {
    validate(sampling.params);
  } catch (const UsageError& error) {
    throw Error(fmt::format("{}: {}", file.string(), error.what()));
  }
  return sampling;
}

}  // namespace pilotfish
