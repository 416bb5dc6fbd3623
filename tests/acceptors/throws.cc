#include <pilotfish/acceptor.h>

#include <stdexcept>

namespace {

class Throws final : public pilotfish::TokenAcceptor {
 public:
  Throws() { throw std::runtime_error("no licence found"); }
  std::string_view name() const override { return "throws"; }
  bool lossless() const override { return false; }
  pilotfish::Verdict accept(const pilotfish::Verification&) const override {
    return {};
  }
};

}  // namespace

PILOTFISH_EXPORT_ACCEPTOR(Throws)
