#include "pilotfish/inspect.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/dtype_flags.h"
#include "cli/flags.h"
#include "cli/machine_report.h"
#include "cli/model_flag.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "pilotfish/error.h"
#include "pilotfish/lab/machine.h"
#include "pilotfish/topology.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

struct InspectFlags {
  std::string model;
  std::int64_t n_positions = 0;
  std::int64_t sequences = 1;
  std::string kv_dtype = "f16";
  bool tensors = false;
  bool check = false;
  bool json = false;
  bool machine = false;
  int threads = 0;
};

// "layers.*.q_proj": the name with its layer's number left out.
std::string role(const std::string& name) {
  std::string result;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool digit = name[i] >= '0' && name[i] <= '9';
    if (digit && (result.empty() || result.ends_with('.'))) {
      while (i + 1 < name.size() && name[i + 1] != '.') ++i;
      result += '*';
    } else {
      result += name[i];
    }
  }
  return result;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("{}", fmt::join(shape, " x "));
}

std::string scaling_text(const RopeScaling& scaling) {
  constexpr const char* kNames[] = {"none", "linear", "dynamic", "yarn",
                                    "llama3"};
  const std::string name = kNames[static_cast<size_t>(scaling.kind)];
  if (scaling.kind == RopeScaling::Kind::kNone) return name;
  return fmt::format("{}, factor {}", name, scaling.factor);
}

std::vector<std::string> extras(const ModelConfig& config) {
  std::vector<std::string> extras;
  if (config.tied_embeddings) extras.emplace_back("tied embeddings");
  const LayerConfig& layer = config.layers.front();
  if (layer.attention.bias) extras.emplace_back("attention bias");
  if (layer.attention.output_bias) {
    extras.emplace_back("attention output bias");
  }
  if (std::get<DenseFfn>(layer.ffn).bias) extras.emplace_back("MLP bias");
  if (layer.attention.qk_norm) extras.emplace_back("q and k norm");
  if (config.sliding_window() > 0) {
    extras.push_back(fmt::format("sliding window {}", config.sliding_window()));
  }
  return extras;
}

void line(std::string_view name, const std::string& value) {
  write_out(fmt::format("{:<14}{}\n", name, value));
}

void print_config(const ModelDescription& model) {
  const ModelConfig& config = model.config;
  const LayerConfig& layer = config.layers.front();
  const AttentionConfig& attention = layer.attention;
  line("model", fmt::format("{} ({})", model.path.string(), model.format));
  line("architecture", config.architecture);
  line("parameters", fmt::format("{}", model.parameters));
  line("layers",
       fmt::format("{} of {} -> {}", config.n_layers(), config.hidden_size,
                   std::get<DenseFfn>(layer.ffn).intermediate_size));
  line("heads", fmt::format("{} for queries, {} for keys and values, of {}",
                            attention.n_heads, attention.n_kv_heads,
                            attention.head_dim));
  line("vocabulary",
       fmt::format("{}, BOS {}, EOS {}", config.vocab_size,
                   config.bos < 0 ? "none" : fmt::format("{}", config.bos),
                   config.eos.empty()
                       ? "none"
                       : fmt::format("{}", fmt::join(config.eos, " "))));
  line("positions", fmt::format("{}", config.n_positions));
  line("rope", fmt::format("theta {}, scaling {}", attention.rope.theta,
                           scaling_text(attention.rope.scaling)));
  const auto more = extras(config);
  if (!more.empty()) line("also", fmt::format("{}", fmt::join(more, ", ")));
}

// Every tensor, or one line for those that differ in their layer alone.
void print_tensors(const ModelDescription& model, bool all) {
  struct Group {
    const TensorDescription* first;
    std::int64_t count = 0;
    std::int64_t bytes = 0;
  };
  std::map<std::string, Group> groups;
  for (const TensorDescription& tensor : model.tensors) {
    const std::string key =
        all ? tensor.name
            : fmt::format("{} {} {}", role(tensor.name),
                          dtype_name(tensor.dtype), shape_text(tensor.shape));
    Group& group = groups.try_emplace(key, Group{&tensor}).first->second;
    ++group.count;
    group.bytes += tensor.bytes;
  }
  write_out(fmt::format("\n{:<46} {:>5} {:<7} {:<16} {:>10}\n", "tensor",
                        "count", "type", "shape", "bytes"));
  for (const auto& [key, group] : groups) {
    write_out(fmt::format("{:<46} {:>5} {:<7} {:<16} {:>10}\n",
                          all ? group.first->name : role(group.first->name),
                          group.count, dtype_name(group.first->dtype),
                          shape_text(group.first->shape),
                          format_bytes(group.bytes)));
  }
  write_out("\n");
  for (const DTypeTotal& total : model.totals) {
    line(dtype_name(total.dtype),
         fmt::format("{} tensors, {} elements, {}", total.tensors,
                     total.elements, format_bytes(total.bytes)));
  }
  line("weights", format_bytes(model.weight_bytes));
}

Json config_json(const ModelConfig& config) {
  const LayerConfig& layer = config.layers.front();
  const AttentionConfig& attention = layer.attention;
  const DenseFfn& ffn = std::get<DenseFfn>(layer.ffn);
  return {{"vocab_size", config.vocab_size},
          {"hidden_size", config.hidden_size},
          {"intermediate_size", ffn.intermediate_size},
          {"n_layers", config.n_layers()},
          {"n_heads", attention.n_heads},
          {"n_kv_heads", attention.n_kv_heads},
          {"head_dim", attention.head_dim},
          {"n_positions", config.n_positions},
          {"sliding_window", config.sliding_window()},
          {"rms_epsilon", config.rms_epsilon},
          {"rope_theta", attention.rope.theta},
          {"rope_scaling", scaling_text(attention.rope.scaling)},
          {"tied_embeddings", config.tied_embeddings},
          {"attention_bias", attention.bias},
          {"mlp_bias", ffn.bias},
          {"qk_norm", attention.qk_norm},
          {"bos", config.bos},
          {"eos", config.eos}};
}

Json description_json(const ModelDescription& model,
                      const MemoryEstimate& memory,
                      const InspectFlags& options) {
  Json tensors = Json::array();
  for (const TensorDescription& tensor : model.tensors) {
    tensors.push_back({{"name", tensor.name},
                       {"dtype", dtype_name(tensor.dtype)},
                       {"shape", tensor.shape},
                       {"bytes", tensor.bytes}});
  }
  return {{"path", model.path.string()},
          {"format", model.format},
          {"architecture", model.config.architecture},
          {"parameters", model.parameters},
          {"weight_bytes", model.weight_bytes},
          {"config", config_json(model.config)},
          {"memory",
           {{"n_positions", options.n_positions},
            {"sequences", options.sequences},
            {"kv_dtype", options.kv_dtype},
            {"weights", memory.weights},
            {"kv_cache", memory.kv_cache},
            {"scratch", memory.scratch},
            {"total", memory.total()}}},
          {"tensors", std::move(tensors)}};
}

// Throws Error where a weight is NaN or infinite, after a line for each tensor.
void report_faults(const std::string& path) {
  const std::vector<TensorFault> faults = [&] {
    Progress progress("reading the weights");
    return check_weights(path, [&](double done) { progress.update(done); });
  }();
  for (const TensorFault& fault : faults) {
    write_out(tensor_fault_text(fault) + "\n");
  }
  if (!faults.empty()) {
    throw Error(
        fmt::format("{}: {} of its tensors have weights that are NaN "
                    "or infinite",
                    path, faults.size()));
  }
  line("check", "no weight is NaN or infinite");
}

void inspect_machine(const InspectFlags& options) {
  MachineFacts facts = {processor_name(), describe_machine(options.threads),
                        std::nullopt};
  if (!options.model.empty()) {
    facts.placement = describe_placement(
        target_path(options.model),
        {options.n_positions, options.sequences, kv_dtype_of(options.kv_dtype)},
        options.threads);
  }
  write_out(options.json ? dump(machine_json(facts)) : machine_text(facts));
}

void run_inspect(InspectFlags options) {
  if (options.machine) {
    inspect_machine(options);
    return;
  }
  const std::string path = target_path(options.model);
  if (options.check) {
    report_faults(path);
    return;
  }
  const ModelDescription model = inspect_model(path);
  if (options.n_positions == 0) options.n_positions = model.config.n_positions;
  const MemoryEstimate memory =
      memory_needed(model.config, model.weight_bytes, options.n_positions,
                    options.sequences, kv_dtype_of(options.kv_dtype));
  if (options.json) {
    write_out(dump(description_json(model, memory, options)));
    return;
  }
  print_config(model);
  print_tensors(model, options.tensors);
  line("memory",
       fmt::format("{} for {} sequence{} of {} positions: weights {}, kv cache "
                   "{} ({}), scratch {}",
                   format_bytes(memory.total()), options.sequences,
                   options.sequences == 1 ? "" : "s", options.n_positions,
                   format_bytes(memory.weights), format_bytes(memory.kv_cache),
                   options.kv_dtype, format_bytes(memory.scratch)));
}

}  // namespace

void add_inspect(CommandLine& line) {
  Command command = line.add_command("inspect",
                                     "What a model consists of, and the memory "
                                     "it needs; what this machine is");
  const auto options = std::make_shared<InspectFlags>();
  const FlagGroup group = command.group();
  const Flag named = add_model_flag(group, options->model);
  group.add_positional("model", options->model, "The model, as with -m")
      .excludes(named);
  group.add("--n-positions", options->n_positions, "N",
            "Memory for sequences of N tokens (default: the model's own)");
  group.add("--sequences", options->sequences, "N",
            "Memory for N sequences at once (default 1)");
  add_kv_dtype_flag(group, options->kv_dtype);
  const Flag tensors =
      group.add_switch("--tensors", options->tensors, "List every tensor");
  const Flag json = group
                        .add_switch("--json", options->json,
                                    "One JSON object, with every tensor")
                        .excludes(tensors);
  const Flag check =
      group
          .add_switch(
              "--check", options->check,
              "Read all weights, and name each tensor with NaN or infinity")
          .excludes(json)
          .excludes(tensors);
  const Flag machine =
      group
          .add_switch("--machine", options->machine,
                      "Sockets, cores, memory and instruction sets of this "
                      "machine; with a model, what of it would lie where")
          .excludes(tensors)
          .excludes(check);
  group
      .add("-t,--threads", options->threads, "N",
           "For a run with N threads (default: one per processor)")
      .needs({machine});
  command.on_run([options] { run_inspect(*options); });
}

}  // namespace pilotfish::cli
