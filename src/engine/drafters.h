#ifndef PILOTFISH_ENGINE_DRAFTERS_H_
#define PILOTFISH_ENGINE_DRAFTERS_H_

#include <memory>
#include <string>
#include <vector>

#include "pilotfish/engine.h"
#include "pilotfish/scorer.h"
#include "speculative/drafter.h"

namespace pilotfish {

// Those that the options ask for; "model" where they name none and there is a
// draft model.
std::vector<std::string> names_of_drafters(const EngineOptions& options,
                                           bool has_draft);
// The drafters that the options ask for, in one. `draft` may be null; both
// models must outlive what is returned. Throws UsageError for a drafter that is
// unknown, lacks what it needs or is listed twice.
std::unique_ptr<Drafter> make_drafter(const EngineOptions& options,
                                      Scorer& target, Scorer* draft);

}  // namespace pilotfish

#endif  // PILOTFISH_ENGINE_DRAFTERS_H_
