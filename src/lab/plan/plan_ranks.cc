#include "pilotfish/lab/plan_ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pilotfish/error.h"
#include "pilotfish/lab/shapes.h"
#include "tensor/dtype.h"

namespace pilotfish {
namespace {

constexpr std::uint64_t kSimulatedPasses = 16;

void check_options(const RankOptions& options) {
  if (options.fewest < 1 || options.fewest > options.most ||
      options.most > kMostRanks) {
    throw UsageError(fmt::format("ranks: found {} to {}, expected 1 to {}",
                                 options.fewest, options.most, kMostRanks));
  }
  if (options.most > options.network.max_ranks()) {
    throw UsageError(fmt::format(
        "ranks: found {}, but {} has gathers between at most {} ranks",
        options.most, options.network.name(), options.network.max_ranks()));
  }
  constexpr double kMostJitter = 100;
  if (!(options.jitter.most >= 0 && options.jitter.most <= kMostJitter)) {
    throw UsageError(fmt::format("jitter: found {}, expected 0 to {}",
                                 options.jitter.most, kMostJitter));
  }
}

// The keys and values of a layer that rows of all sequences attend to.
double cache_bytes(const LayerConfig& layer, const Workload& workload) {
  const AttentionConfig& attention = layer.attention;
  return static_cast<double>(
      2 * workload.sequences * attention.seen(workload.context) *
      attention.n_kv_heads * row_bytes(workload.kv_dtype, attention.head_dim));
}

// A model whose passes over one row of each sequence take a known time on one
// rank, split.
class SplitModel {
 public:
  SplitModel(const ModelPlan& whole, const Workload& workload, int ranks)
      : whole_(whole),
        workload_(workload),
        ranks_(ranks),
        steps_(pass_steps(whole.model.config, ranks)),
        steps_of_one_(pass_steps(whole.model.config, 1)),
        parameters_(whole.model.config.parameters()) {}

  SimulatedPass pass(const Network& network, const Jitter& jitter) const {
    return RankSimulation(rank_steps(), network, jitter)
        .average(kSimulatedPasses);
  }

  // Of a pass over `rows` rows of each sequence.
  double gather_seconds(const Network& network, std::int64_t rows) const {
    double seconds = 0;
    for (const double bytes : gathers(rows)) {
      seconds += network.gather_seconds(bytes, ranks_);
    }
    return seconds;
  }

  RankPart part(const Network& network, const Jitter& jitter) const {
    const SimulatedPass time = pass(network, jitter);
    RankPart part{.memory = largest_memory(),
                  .compute_seconds = time.compute_seconds,
                  .gather_seconds = time.gather_seconds,
                  .waiting_seconds = time.waiting_seconds};
    if (ranks_ == 1) return part;
    const std::vector<double> sizes = gathers(1);
    part.gathers = static_cast<int>(sizes.size());
    for (const double size : sizes) part.gathered_bytes += size;
    return part;
  }

 private:
  // The first is the broadcast of the batch.
  std::vector<double> gathers(std::int64_t rows) const {
    const std::int64_t all_rows = rows * workload_.sequences;
    std::vector<double> bytes = {64.0 + 16.0 * static_cast<double>(all_rows)};
    for (const PassStep& step : steps_) {
      bytes.push_back(gathered_bytes(step, whole_.model.dtype, all_rows));
    }
    return bytes;
  }

  const LayerConfig& layer_of(const PassStep& step) const {
    return whole_.model.config.layers[static_cast<size_t>(step.layer)];
  }

  double bytes_an_element() const {
    const ModelConfig& config = whole_.model.config;
    return static_cast<double>(whole_.model.streamed_bytes) /
           static_cast<double>(parameters_ - lookup_elements(config));
  }

  // Bytes that a rank reads in a step.
  double bytes_read(const PassStep& step, size_t rank) const {
    double bytes = bytes_an_element() * static_cast<double>(step.weights[rank]);
    if (!step.cache.empty()) {
      bytes += step.cache[rank] * cache_bytes(layer_of(step), workload_);
    }
    return bytes;
  }

  double bytes_read_by_one() const {
    double bytes = 0;
    for (const PassStep& step : steps_of_one_) {
      bytes += bytes_read(step, 0);
    }
    return bytes;
  }

  std::vector<RankStep> rank_steps() const {
    const double seconds_a_byte = whole_.pass_seconds / bytes_read_by_one();
    const std::vector<double> sizes = gathers(1);
    const auto ranks = static_cast<size_t>(ranks_);
    std::vector<RankStep> steps = {
        {std::vector<double>(ranks, 0.0), sizes.front()}};
    for (size_t s = 0; s < steps_.size(); ++s) {
      RankStep step{{}, sizes[s + 1]};
      for (size_t rank = 0; rank < ranks; ++rank) {
        step.seconds.push_back(seconds_a_byte * bytes_read(steps_[s], rank));
      }
      steps.push_back(std::move(step));
    }
    return steps;
  }

  MemoryEstimate memory_of(size_t rank) const {
    const ModelConfig& config = whole_.model.config;
    std::int64_t held = 0;  // elements of matrices
    std::int64_t all = 0;
    double cache = 0;
    double all_caches = 0;
    for (const PassStep& step : steps_) {
      held += step.weights[rank];
      if (step.cache.empty()) continue;
      const AttentionConfig& attention = layer_of(step).attention;
      const auto size = static_cast<double>(attention.kv_size());
      cache += step.cache[rank] * size;
      all_caches += size;
    }
    for (const PassStep& step : steps_of_one_) {
      all += step.weights.front();
    }
    // The embedding is split as the output projection is, and vectors are held
    // by all.
    if (!config.tied_embeddings) {
      held += steps_.back().weights[rank];
      all += lookup_elements(config);
    }
    held += parameters_ - all;
    const double share =
        static_cast<double>(held) / static_cast<double>(parameters_);
    const auto part_of_bytes = [](std::int64_t bytes, double part) {
      return static_cast<std::int64_t>(static_cast<double>(bytes) * part + 0.5);
    };
    return {part_of_bytes(whole_.memory.weights, share),
            part_of_bytes(whole_.memory.kv_cache, cache / all_caches),
            whole_.memory.scratch};
  }

  MemoryEstimate largest_memory() const {
    MemoryEstimate largest = memory_of(0);
    for (size_t rank = 1; rank < static_cast<size_t>(ranks_); ++rank) {
      const MemoryEstimate other = memory_of(rank);
      if (other.total() > largest.total()) largest = other;
    }
    return largest;
  }

  const ModelPlan& whole_;
  const Workload& workload_;
  int ranks_;
  std::vector<PassStep> steps_;
  std::vector<PassStep> steps_of_one_;
  std::int64_t parameters_;
};

RankPart whole_on_rank_0(const ModelPlan& draft) {
  return {.memory = draft.memory, .compute_seconds = draft.pass_seconds};
}

// `whole`, on so many ranks.
Plan split_plan(const Plan& whole, const RankOptions& options, int ranks) {
  Plan plan = whole;
  plan.ranks = {.count = ranks,
                .network = options.network.name(),
                .network_measured = options.network.is_measured(),
                .split_draft = options.split_draft,
                .jitter = options.jitter.most};
  const SplitModel target(whole.target, whole.workload, ranks);
  const auto put = [](ModelPlan& model, RankPart part) {
    model.pass_seconds = part.compute_seconds + part.gather_seconds;
    model.rank = part;
    model.roofline.reset();
  };
  put(plan.target, target.part(options.network, options.jitter));
  if (!plan.draft) return plan;
  put(*plan.draft, options.split_draft
                       ? SplitModel(*whole.draft, whole.workload, ranks)
                             .part(options.network, options.jitter)
                       : whole_on_rank_0(*whole.draft));
  const double plain = plan.target.pass_seconds;
  plan.costs.draft = plan.draft->pass_seconds / plain;
  for (std::int64_t k = 1; k <= plan.costs.max_window(); ++k) {
    double& verify = plan.costs.verify[static_cast<size_t>(k - 1)];
    verify = (verify * plan.target.rank->compute_seconds +
              target.gather_seconds(options.network, k)) /
             plain;
  }
  return plan;
}

// From how many ranks on the drafts of a window take as long as the target's
// pass over it. nullopt: with none that the network knows.
std::optional<int> drafting_dominates_from(const Plan& whole,
                                           RankOptions options,
                                           std::int64_t window) {
  options.jitter = {};
  for (int ranks = 1; ranks <= options.network.max_ranks(); ++ranks) {
    const SpeculationCosts costs = split_plan(whole, options, ranks).costs;
    const double drafting =
        costs.iteration(window) - costs.verify[static_cast<size_t>(window - 1)];
    if (drafting >= costs.verify[static_cast<size_t>(window - 1)]) {
      return ranks;
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<Plan> plan_over_ranks(const Plan& whole,
                                  const RankOptions& options) {
  check_options(options);
  std::vector<Plan> plans;
  for (int ranks = options.fewest; ranks <= options.most; ++ranks) {
    plans.push_back(split_plan(whole, options, ranks));
  }
  if (!whole.draft) return plans;
  const std::int64_t window = best_window(whole.costs, whole.acceptance);
  if (window == 1) return plans;
  const auto from = drafting_dominates_from(whole, options, window);
  for (Plan& plan : plans) {
    plan.ranks->one_rank_window = window;
    plan.ranks->drafting_dominates_from = from;
  }
  return plans;
}

}  // namespace pilotfish
