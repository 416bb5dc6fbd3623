#ifndef PILOTFISH_RECOMMENDED_SAMPLING_H_
#define PILOTFISH_RECOMMENDED_SAMPLING_H_

#include <filesystem>
#include <string_view>
#include <vector>

#include "pilotfish/sampling.h"

namespace pilotfish {

// How a model's makers recommend that it be sampled.
struct RecommendedSampling {
  SamplingParams params;  // the usual defaults for what they do not name
  // The parameters that they name, as SamplingField::name, in that order.
  std::vector<std::string_view> stated;
};

// Reads the generation_config.json beside a model's weights: do_sample,
// temperature, top_k, top_p, min_p and repetition_penalty. `model` is a Hugging
// Face folder or a file; GGUF files have no such settings, so for them, as for
// a folder without the file, nothing is stated.
//
// do_sample false is greedy decoding whatever else is there, as in
// transformers; true without a temperature is temperature 1. Where it is
// missing, a temperature counts. A null counts as absent, and a top_k of -1 is
// off.
//
// Throws Error for a malformed file or a value out of range.
RecommendedSampling recommended_sampling(const std::filesystem::path& model);

}  // namespace pilotfish

#endif  // PILOTFISH_RECOMMENDED_SAMPLING_H_
