#include "pilotfish/lab/synth.h"

#include <fmt/format.h>

#include <span>
#include <utility>
#include <vector>

#include "formats/gguf_writer.h"
#include "lab/convert/gguf_description.h"
#include "lab/synth/synth_file.h"
#include "lab/synth/vocabulary.h"
#include "model/tensor_names.h"
#include "pilotfish/error.h"
#include "tensor/quantise.h"

namespace pilotfish {

void check_synth_dtype(DType dtype) {
  if (can_quantise(dtype)) return;
  throw UsageError(fmt::format(
      "dtype {}: expected f32, f16, bf16, q8_0 or q4_0", dtype_name(dtype)));
}

Existing existing(const SynthOptions& options) {
  return options.overwrite ? Existing::kReplace : Existing::kRefuse;
}

void write_synth_file(const Shape& shape, const LaterLayers& later,
                      const SynthOptions& options, ThreadTeam& threads,
                      const std::filesystem::path& path) {
  GgufHeader header;
  describe_for_gguf(shape.config, shape.name, options.dtype, shape.name,
                    header);
  set_made_up_vocabulary(shape.config, header);

  const auto tensors = random_tensors(shape.config, options.dtype, later);
  std::vector<TensorSpec> specs = specs_of(tensors);
  const std::vector<float> divisors =
      gguf_rope_divisors(shape.config, shape.name);
  if (!divisors.empty()) {
    specs.push_back(
        {tensor_name(Checkpoint::Kind::kGguf, TensorRole::kRopeFrequencies),
         DType::kF32,
         {std::ssize(divisors)}});
  }
  TensorFileWriter writer = write_gguf(path, header, specs, existing(options));
  write_random(tensors, options.seed, threads, options.progress, writer);
  writer.write(std::as_bytes(std::span(divisors)));
  writer.finish();
}

void synthesise(const Shape& shape, const std::filesystem::path& path,
                const SynthOptions& options) {
  check_synth_dtype(options.dtype);
  const auto threads = options.threads ? options.threads : make_threads();
  write_synth_file(shape, {.first = shape.config.n_layers()}, options, *threads,
                   path);
}

}  // namespace pilotfish
