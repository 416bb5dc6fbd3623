#include <pilotfish/acceptor.h>

extern "C" int pilotfish_acceptor_interface_version() {
  return pilotfish::kAcceptorInterfaceVersion;
}
extern "C" pilotfish::TokenAcceptor* pilotfish_make_acceptor() {
  return nullptr;
}
extern "C" void pilotfish_free_acceptor(pilotfish::TokenAcceptor*) {}
