#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/acceptor.h"
#include "pilotfish/error.h"
#include "speculative/acceptors/block.h"
#include "speculative/acceptors/coupled.h"
#include "speculative/acceptors/plugin.h"
#include "speculative/acceptors/rejection.h"
#include "speculative/acceptors/typical.h"

namespace pilotfish {
namespace {

using MakeAcceptor = std::shared_ptr<const TokenAcceptor> (*)();

template <typename Acceptor>
std::shared_ptr<const TokenAcceptor> make() {
  return std::make_shared<Acceptor>();
}

// The acceptors that have a name, each of them said here once.
constexpr std::array<MakeAcceptor, 4> kAcceptors = {
    make<RejectionAcceptor>,
    make<BlockAcceptor>,
    make<CoupledAcceptor>,
    make<TypicalAcceptor>,
};

bool is_library(std::string_view name) {
  return name.find('/') != name.npos || name.ends_with(".so");
}

}  // namespace

std::shared_ptr<const TokenAcceptor> make_acceptor(const std::string& name) {
  for (const MakeAcceptor make_it : kAcceptors) {
    if (auto acceptor = make_it(); acceptor->name() == name) return acceptor;
  }
  if (is_library(name)) return load_acceptor(name);
  throw UsageError(fmt::format(
      "acceptor \"{}\": unknown; choose {}, or the path of a shared library",
      name, fmt::join(acceptor_names(), ", ")));
}

std::vector<std::string> acceptor_names() {
  std::vector<std::string> names;
  for (const MakeAcceptor make_it : kAcceptors) {
    names.emplace_back(make_it()->name());
  }
  return names;
}

}  // namespace pilotfish
