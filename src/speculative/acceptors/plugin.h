#ifndef PILOTFISH_SPECULATIVE_ACCEPTORS_PLUGIN_H_
#define PILOTFISH_SPECULATIVE_ACCEPTORS_PLUGIN_H_

#include <filesystem>
#include <memory>

#include "pilotfish/acceptor.h"

namespace pilotfish {

// The acceptor of a shared library that was made with
// PILOTFISH_EXPORT_ACCEPTOR. Throws Error as make_acceptor does.
std::shared_ptr<const TokenAcceptor> load_acceptor(
    const std::filesystem::path& library);

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_ACCEPTORS_PLUGIN_H_
