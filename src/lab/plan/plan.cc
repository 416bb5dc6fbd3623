#include "pilotfish/lab/plan.h"

#include <utility>

#include "model/tensor_names.h"
#include "pilotfish/lab/shapes.h"
#include "tensor/dtype.h"

namespace pilotfish {
namespace {

// A multiplication and an addition for each weight of the linear layers, and
// for each element of the keys and values that a query head attends to.
double flops_per_row(const ModelConfig& config, std::int64_t context) {
  const std::int64_t weights = config.parameters() - lookup_elements(config);
  double attention = 0;
  for (const LayerConfig& layer : config.layers) {
    attention += 2 * static_cast<double>(layer.attention.seen(context)) *
                 static_cast<double>(layer.attention.q_size());
  }
  return 2 * (static_cast<double>(weights) + attention);
}

// Of the keys and values that a row attends to.
double attended_bytes(const ModelConfig& config, std::int64_t context,
                      DType dtype) {
  double bytes = 0;
  for (const LayerConfig& layer : config.layers) {
    const AttentionConfig& attention = layer.attention;
    bytes += 2 * static_cast<double>(attention.seen(context)) *
             static_cast<double>(attention.n_kv_heads *
                                 row_bytes(dtype, attention.head_dim));
  }
  return bytes;
}

}  // namespace

PlannedModel planned_model(std::string name, const ModelConfig& config,
                           DType dtype) {
  const std::int64_t bytes = weight_bytes(config, dtype);
  return {std::move(name), config, dtype, bytes,
          bytes - lookup_bytes(config, dtype)};
}

PlannedModel planned_q4_k_m(std::string name, const ModelConfig& config) {
  const std::int64_t bytes = q4_k_m_bytes(config);
  return {.name = std::move(name),
          .config = config,
          .dtype = DType::kQ4_K,
          .weight_bytes = bytes,
          .streamed_bytes = bytes - lookup_bytes(config, DType::kQ4_K),
          .q4_k_m = true};
}

PlannedModel planned_model(const ModelDescription& description) {
  PlannedModel model{.name = description.path.string(),
                     .config = description.config,
                     .dtype = description.totals.empty()
                                  ? DType::kF32
                                  : description.totals.front().dtype,
                     .weight_bytes = description.weight_bytes,
                     .streamed_bytes = description.weight_bytes};
  if (model.config.tied_embeddings) return model;
  const auto kind = description.format == "GGUF"
                        ? Checkpoint::Kind::kGguf
                        : Checkpoint::Kind::kHuggingFace;
  const std::string embedding =
      tensor_name(kind, TensorRole::kTokenEmbedding, 0);
  for (const TensorDescription& tensor : description.tensors) {
    if (tensor.name == embedding) model.streamed_bytes -= tensor.bytes;
  }
  return model;
}

MachineSpeed with_sockets(const MachineSpeed& one, int sockets) {
  constexpr double kEfficiency = 0.98;
  if (sockets == 1) return one;
  return {kEfficiency * sockets * one.bytes_per_second,
          kEfficiency * sockets * one.flops_per_second};
}

PassTime pass_time(const PlannedModel& model, const Workload& workload,
                   const MachineSpeed& machine, std::int64_t rows) {
  const ModelConfig& config = model.config;
  const auto sequences = static_cast<double>(workload.sequences);
  const double kv_bytes =
      attended_bytes(config, workload.context, workload.kv_dtype);
  const double bytes =
      static_cast<double>(model.streamed_bytes) + sequences * kv_bytes;
  const double flops = sequences * static_cast<double>(rows) *
                       flops_per_row(config, workload.context);
  return {bytes / machine.bytes_per_second, flops / machine.flops_per_second};
}

SpeculationCosts roofline_costs(const PlannedModel& target,
                                const PlannedModel& draft,
                                const Workload& workload,
                                const MachineSpeed& machine,
                                std::int64_t max_window) {
  const auto seconds = [&](const PlannedModel& model, std::int64_t rows) {
    return pass_time(model, workload, machine, rows).seconds();
  };
  const double plain = seconds(target, 1);
  SpeculationCosts costs;
  costs.draft = seconds(draft, 1) / plain;
  for (std::int64_t k = 1; k <= max_window; ++k) {
    costs.verify.push_back(seconds(target, k) / plain);
  }
  return costs;
}

double cost_per_million_tokens(double hourly_price, double tokens_per_second) {
  return hourly_price / 3600 * 1e6 / tokens_per_second;
}

}  // namespace pilotfish
