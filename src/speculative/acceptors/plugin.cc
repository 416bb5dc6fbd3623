#include "speculative/acceptors/plugin.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <exception>
#include <string>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

std::string reason() {
  const char* text = ::dlerror();
  return text == nullptr ? "unknown reason" : text;
}

// An open shared library; closed with the last acceptor that came out of it.
class Library {
 public:
  // A name without a folder means the current one, as for any other file; the
  // loader would search its own path.
  explicit Library(const std::filesystem::path& path)
      : path_(path.string()),
        handle_(::dlopen((path.has_parent_path() ? path : "." / path).c_str(),
                         RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) {
      throw Error(
          fmt::format("acceptor {}: cannot be loaded: {}", path_, reason()));
    }
  }
  ~Library() { ::dlclose(handle_); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  template <typename Function>
  Function* function(const char* name) const {
    void* symbol = ::dlsym(handle_, name);
    if (symbol == nullptr) {
      throw Error(fmt::format(
          "acceptor {}: has no function {}; an acceptor is exported with "
          "PILOTFISH_EXPORT_ACCEPTOR(Type)",
          path_, name));
    }
    return reinterpret_cast<Function*>(symbol);
  }

 private:
  std::string path_;
  void* handle_;
};

}  // namespace

std::shared_ptr<const TokenAcceptor> load_acceptor(
    const std::filesystem::path& path) {
  auto library = std::make_shared<const Library>(path);
  const auto version =
      library->function<int()>("pilotfish_acceptor_interface_version");
  const auto make =
      library->function<TokenAcceptor*()>("pilotfish_make_acceptor");
  const auto free =
      library->function<void(TokenAcceptor*)>("pilotfish_free_acceptor");
  // Before anything of the library is called that could have changed.
  if (version() != kAcceptorInterfaceVersion) {
    throw Error(fmt::format(
        "acceptor {}: built against interface version {}, this program has "
        "{}; rebuild it with this version's headers",
        path.string(), version(), kAcceptorInterfaceVersion));
  }
  TokenAcceptor* acceptor = nullptr;
  try {
    acceptor = make();
  } catch (const std::exception& error) {
    // Not nested: the exception's code lies in the library, soon closed.
    throw Error(fmt::format("acceptor {}: its constructor threw: {}",
                            path.string(), error.what()));
  }
  if (acceptor == nullptr) {
    throw Error(fmt::format("acceptor {}: pilotfish_make_acceptor gave nothing",
                            path.string()));
  }
  return {acceptor, [library, free](const TokenAcceptor* old) {
            free(const_cast<TokenAcceptor*>(old));
          }};
}

}  // namespace pilotfish
