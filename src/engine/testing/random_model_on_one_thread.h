#ifndef PILOTFISH_ENGINE_TESTING_RANDOM_MODEL_ON_ONE_THREAD_H_
#define PILOTFISH_ENGINE_TESTING_RANDOM_MODEL_ON_ONE_THREAD_H_

#include <filesystem>
#include <memory>

#include "pilotfish/model.h"
#include "pilotfish/threads.h"
#include "random_model.h"

namespace pilotfish::testing {

// Writes a model with random weights into a folder, and loads it to compute
// with one thread.
inline std::shared_ptr<Model> load_random_model(
    const std::filesystem::path& folder,
    const test::RandomModelOptions& options) {
  LoadOptions load;
  load.threads = make_threads(1);
  test::write_random_model(folder, options);
  return Model::load(folder, load);
}

}  // namespace pilotfish::testing

#endif  // PILOTFISH_ENGINE_TESTING_RANDOM_MODEL_ON_ONE_THREAD_H_
