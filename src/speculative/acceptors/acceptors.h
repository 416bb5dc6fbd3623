#ifndef PILOTFISH_SPECULATIVE_ACCEPTORS_H_
#define PILOTFISH_SPECULATIVE_ACCEPTORS_H_

#include <filesystem>
#include <memory>

#include "pilotfish/acceptor.h"

namespace pilotfish {

// The acceptors of this folder, one a file; make_acceptor chooses among them.

std::shared_ptr<const TokenAcceptor> make_rejection_acceptor();
std::shared_ptr<const TokenAcceptor> make_block_acceptor();
std::shared_ptr<const TokenAcceptor> make_coupled_acceptor();
std::shared_ptr<const TokenAcceptor> make_typical_acceptor();

// From a shared library made with PILOTFISH_EXPORT_ACCEPTOR. Throws Error.
std::shared_ptr<const TokenAcceptor> load_acceptor(
    const std::filesystem::path& library);

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_ACCEPTORS_H_
