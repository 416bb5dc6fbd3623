#ifndef PILOTFISH_BASE_TEMPORARY_PATHS_H_
#define PILOTFISH_BASE_TEMPORARY_PATHS_H_

namespace pilotfish {

// Removes all that TemporaryPath guards, in the whole program. Safe in a signal
// handler.
void remove_temporary_paths() noexcept;

}  // namespace pilotfish

#endif  // PILOTFISH_BASE_TEMPORARY_PATHS_H_
