#include "pilotfish/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

#include "backends/cpu/forward.h"
#include "backends/cpu/weights.h"
#include "base/thread_team.h"
#include "kernels/kernels.h"
#include "model/config.h"
#include "model/rope.h"
#include "pilotfish/error.h"

namespace pilotfish {

void Batch::want_hidden(std::span<const std::int64_t> layers) {
  if (std::ranges::adjacent_find(layers, std::greater_equal{}) !=
          layers.end() ||
      (!layers.empty() && layers.front() < 0)) {
    throw UsageError(
        "batch: the layers whose hidden rows are wanted must ascend from 0");
  }
  hidden_layers_.assign(layers.begin(), layers.end());
}

void Batch::add(SequenceId sequence, std::span<const Token> tokens,
                std::int64_t logits_rows, std::int64_t hidden_rows) {
  const auto rows = static_cast<std::int64_t>(tokens.size());
  const auto check = [&](std::int64_t asked, std::string_view what) {
    if (asked >= 0 && asked <= rows) return;
    throw UsageError(fmt::format("batch: {} rows of {}, expected 0 to {}",
                                 asked, what, rows));
  };
  check(logits_rows, "logits");
  check(hidden_rows, "hidden states");
  entries_.push_back({.sequence = sequence,
                      .first_row = this->rows(),
                      .rows = rows,
                      .logits_rows = logits_rows,
                      .hidden_rows = hidden_rows});
  hidden_rows_ += hidden_rows;
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  parents_.resize(tokens_.size());
  logits_rows_ += logits_rows;
}

void Batch::add_tree(SequenceId sequence, std::span<const Token> tokens,
                     std::span<const std::int32_t> parents,
                     std::int64_t logits_rows, std::int64_t hidden_rows) {
  if (parents.size() != tokens.size()) {
    throw UsageError(fmt::format("batch: {} parents for {} rows of a tree",
                                 parents.size(), tokens.size()));
  }
  add(sequence, tokens, logits_rows, hidden_rows);
  entries_.back().is_tree = true;
  std::copy(parents.begin(), parents.end(),
            parents_.begin() + entries_.back().first_row);
}

std::span<const std::int32_t> Batch::parents(const Entry& entry) const {
  if (!entry.is_tree) return {};
  return std::span(parents_).subspan(static_cast<size_t>(entry.first_row),
                                     static_cast<size_t>(entry.rows));
}

void Batch::clear() {
  entries_.clear();
  tokens_.clear();
  parents_.clear();
  logits_rows_ = 0;
  hidden_layers_.clear();
  hidden_rows_ = 0;
}

namespace {

std::int64_t layer_count(const ModelConfig& config, std::int64_t layers) {
  if (layers < 0 || layers > config.n_layers) {
    throw UsageError(fmt::format("layers {}: must lie between 0 (all) and {}",
                                 layers, config.n_layers));
  }
  return layers == 0 ? config.n_layers : layers;
}

ModelConfig first_layers(ModelConfig config, std::int64_t layers) {
  config.n_layers = layer_count(config, layers);
  return config;
}

const Kernels& chosen_kernels(const std::string& name) {
  return name.empty() ? best_kernels() : kernels_named(name);
}

}  // namespace

struct Model::Impl {
  Impl(const std::filesystem::path& model_path,
       std::shared_ptr<const Checkpoint> checkpoint, const LoadOptions& options)
      : path(model_path),
        kernels(chosen_kernels(options.instruction_set)),
        team(options.threads ? options.threads : make_threads()),
        config(first_layers(read_config(*checkpoint), options.layers)),
        weights(std::move(checkpoint), config,
                {.dtype = options.dtype,
                 .packs_bf16 = kernels.packed.has_bf16,
                 .progress = options.progress},
                *team),
        forward(config, weights,
                Rope(config, options.n_positions, weights.rope_divisors()),
                kernels, *team) {}

  std::filesystem::path path;
  const Kernels& kernels;
  std::shared_ptr<ThreadTeam> team;
  ModelConfig config;
  Weights weights;
  Forward forward;
};

std::shared_ptr<Model> Model::load(const std::filesystem::path& path,
                                   const LoadOptions& options) {
  if (options.n_positions < 0) {
    throw UsageError(fmt::format("n_positions {}: must not be negative",
                                 options.n_positions));
  }
  auto impl = std::make_unique<Impl>(path, Checkpoint::open(path), options);
  return std::shared_ptr<Model>(new Model(std::move(impl)));
}

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;

const ModelConfig& Model::config() const { return impl_->config; }
std::int64_t Model::weight_bytes() const { return impl_->weights.bytes(); }
std::int64_t Model::resident_bytes() const {
  return impl_->weights.resident_bytes();
}
std::string_view Model::instruction_set() const { return impl_->kernels.name; }
const std::filesystem::path& Model::path() const { return impl_->path; }
ThreadTeam& Model::threads() const { return *impl_->team; }

ForwardOutput Model::forward(const Batch& batch, KvCache& cache,
                             std::int64_t layers) {
  return {.logits = impl_->forward.run(batch, cache,
                                       layer_count(impl_->config, layers)),
          .hidden = {}};
}

}  // namespace pilotfish
