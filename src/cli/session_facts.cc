#include "cli/session_facts.h"

#include <fmt/format.h>

#include "cli/report.h"
#include "pilotfish/lab/machine.h"

namespace pilotfish::cli {
namespace {

// The last part of a path, without what stands for "here".
std::string short_name(const Model& model) {
  const auto path = model.path().lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

std::string model_text(const Model& model) {
  const ModelConfig& config = model.config();
  return fmt::format(
      "{}: {} {:.3g} million parameters, {} layers, {} of weights",
      model.path().string(), config.architecture,
      static_cast<double>(config.parameters()) / 1e6, config.n_layers(),
      format_bytes(model.weight_bytes()));
}

}  // namespace

Facts session_facts(const Session& session) {
  Facts facts = {
      {"Machine", fmt::format("{}, {} of memory", processor_name(),
                              format_bytes(machine_memory_bytes()))},
      {"Computes with", fmt::format("{} {}, {}", session.threads,
                                    session.threads == 1 ? "thread" : "threads",
                                    session.target->instruction_set())},
      {"Target", model_text(*session.target)},
      {"Draft", session.draft ? model_text(*session.draft) : "none"},
      {"KV cache", std::string(dtype_name(session.engine.kv_dtype))}};
  if (session.engine.skip_layers > 0) {
    facts.emplace_back("Skip drafter", fmt::format("the target's first {} "
                                                   "layers",
                                                   session.engine.skip_layers));
  }
  return facts;
}

std::string models_text(const Session& session) {
  const std::string target = short_name(*session.target);
  return session.draft ? target + " with " + short_name(*session.draft)
                       : target;
}

}  // namespace pilotfish::cli
