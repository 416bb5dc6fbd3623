#ifndef PILOTFISH_LAB_SYNTH_SYNTH_FILE_H_
#define PILOTFISH_LAB_SYNTH_SYNTH_FILE_H_

#include <filesystem>

#include "base/thread_team.h"
#include "formats/new_path.h"
#include "lab/synth/random_weights.h"
#include "pilotfish/lab/synth.h"

namespace pilotfish {

// Throws UsageError for a dtype that weights are not stored as.
void check_synth_dtype(DType dtype);

// What SynthOptions::overwrite says.
Existing existing(const SynthOptions& options);

// One file of random weights: `shape`'s layers, as SynthOptions
// say. The same seed gives the layers that two files share the same elements.
void write_synth_file(const Shape& shape, const LaterLayers& later,
                      const SynthOptions& options, ThreadTeam& threads,
                      const std::filesystem::path& path);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SYNTH_SYNTH_FILE_H_
