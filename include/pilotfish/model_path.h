#ifndef PILOTFISH_MODEL_PATH_H_
#define PILOTFISH_MODEL_PATH_H_

#include <filesystem>
#include <string>

namespace pilotfish {

// Where downloads from Hugging Face lie: $HF_HUB_CACHE, $HUGGINGFACE_HUB_CACHE,
// $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub or ~/.cache/huggingface/hub,
// the first of them that the environment names. An empty variable counts as
// unset.
std::filesystem::path hub_cache();

// The path, for Model::load and Tokenizer::load, of what a user calls `name`: a
// file or folder, or a repository org/name whose main revision is in the cache.
// In a repository of GGUF files, org/name:QUANT is the file whose name holds
// QUANT in any case, and org/name the only file, or else that of Q4_K_M. Other
// names are returned as they are.
//
// Nothing is downloaded. Throws Error, saying how to download it, for a
// repository that is not in the cache or not complete, and for one of several
// GGUF files of which none is named.
std::filesystem::path find_model(const std::string& name);

}  // namespace pilotfish

#endif  // PILOTFISH_MODEL_PATH_H_
