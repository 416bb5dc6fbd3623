// An acceptor that looks as if it were built against another version's headers.
#include <pilotfish/acceptor.h>

extern "C" int pilotfish_acceptor_interface_version() {
  return pilotfish::kAcceptorInterfaceVersion + 1;
}
extern "C" pilotfish::TokenAcceptor* pilotfish_make_acceptor() {
  __builtin_trap();  // must not be called
}
extern "C" void pilotfish_free_acceptor(pilotfish::TokenAcceptor*) {}
