#include "pilotfish/model.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "backends/backends.h"
#include "formats/checkpoint.h"
#include "model/config.h"
#include "model/forward_pass.h"
#include "model/kv_cache_access.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

std::int64_t layer_count(const ModelConfig& config, std::int64_t layers) {
  if (layers < 0 || layers > config.n_layers()) {
    throw UsageError(fmt::format("layers {}: must lie between 0 (all) and {}",
                                 layers, config.n_layers()));
  }
  return layers == 0 ? config.n_layers() : layers;
}

}  // namespace

struct Model::Impl {
  std::filesystem::path path;
  std::string_view backend;
  ModelConfig config;
  std::shared_ptr<ThreadTeam> team;
  std::unique_ptr<ForwardPass> pass;
};

std::shared_ptr<Model> Model::load(const std::filesystem::path& path,
                                   const LoadOptions& options) {
  if (options.n_positions < 0) {
    throw UsageError(fmt::format("n_positions {}: must not be negative",
                                 options.n_positions));
  }
  const Backend& backend = choose_backend(options);
  auto checkpoint = Checkpoint::open(path);
  auto config = read_config(*checkpoint, options.layers);
  LoadOptions chosen = options;
  if (!chosen.threads) chosen.threads = make_threads();
  auto pass = backend.load(std::move(checkpoint), config, chosen);
  return std::shared_ptr<Model>(new Model(std::make_unique<Impl>(
      Impl{path, backend.name, std::move(config), std::move(chosen.threads),
           std::move(pass)})));
}

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;

const ModelConfig& Model::config() const { return impl_->config; }
std::int64_t Model::weight_bytes() const { return impl_->pass->weight_bytes(); }
std::int64_t Model::resident_bytes() const {
  return impl_->pass->resident_bytes();
}
std::int64_t Model::matrices_kept_in_bf16() const {
  return impl_->pass->matrices_kept_in_bf16();
}
std::string_view Model::backend() const { return impl_->backend; }
std::string_view Model::instruction_set() const {
  return impl_->pass->instruction_set();
}
const std::filesystem::path& Model::path() const { return impl_->path; }
std::vector<RankShare> Model::ranks() const { return impl_->pass->ranks(); }
ThreadTeam& Model::threads() const { return *impl_->team; }

KvCache Model::make_cache(const KvCacheOptions& options) const {
  return KvCacheAccess::make(impl_->config, options,
                             [&](const KvLayout& layout) {
                               return impl_->pass->make_storage(layout);
                             });
}

ForwardOutput Model::forward(const Batch& batch, KvCache& cache,
                             std::int64_t layers) {
  return impl_->pass->run(batch, cache, layer_count(impl_->config, layers));
}

}  // namespace pilotfish
