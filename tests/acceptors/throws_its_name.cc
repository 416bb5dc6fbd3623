#include <pilotfish/acceptor.h>

#include <stdexcept>

namespace {

class Throws final : public pilotfish::TokenAcceptor {
 public:
  std::string_view name() const override {
    throw std::runtime_error("no name found");
  }
  bool lossless() const override { return false; }
  pilotfish::Verdict accept(const pilotfish::Verification&) const override {
    return {};
  }
};

}  // namespace

PILOTFISH_EXPORT_ACCEPTOR(Throws)
