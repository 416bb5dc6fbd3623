#include <pilotfish/acceptor.h>

namespace {

class Throws final : public pilotfish::TokenAcceptor {
 public:
  Throws() { throw 7; }
  std::string_view name() const override { return "throws"; }
  bool lossless() const override { return false; }
  pilotfish::Verdict accept(const pilotfish::Verification&) const override {
    return {};
  }
};

}  // namespace

PILOTFISH_EXPORT_ACCEPTOR(Throws)
