#include "speculative/acceptors/acceptors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <string_view>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

struct NamedAcceptor {
  std::string_view name;
  std::shared_ptr<const TokenAcceptor> (*make)();
};

constexpr std::array kAcceptors = {
    NamedAcceptor{"rejection", make_rejection_acceptor},
    NamedAcceptor{"block", make_block_acceptor},
    NamedAcceptor{"coupled", make_coupled_acceptor},
    NamedAcceptor{"typical", make_typical_acceptor},
};

bool is_library(std::string_view name) {
  return name.find('/') != name.npos || name.ends_with(".so");
}

}  // namespace

std::shared_ptr<const TokenAcceptor> make_acceptor(const std::string& name) {
  for (const NamedAcceptor& acceptor : kAcceptors) {
    if (acceptor.name == name) return acceptor.make();
  }
  if (is_library(name)) return load_acceptor(name);
  throw UsageError(fmt::format(
      "acceptor \"{}\": unknown; there is {}, or the path of a shared library",
      name, fmt::join(acceptor_names(), ", ")));
}

std::vector<std::string> acceptor_names() {
  std::vector<std::string> names;
  for (const NamedAcceptor& acceptor : kAcceptors) {
    names.emplace_back(acceptor.name);
  }
  return names;
}

}  // namespace pilotfish
