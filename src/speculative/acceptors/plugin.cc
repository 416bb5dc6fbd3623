#include "speculative/acceptors/plugin.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <exception>
#include <string>
#include <string_view>
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

// Calls a function of the library. An exception becomes an Error that names the
// library. It is not nested in that: its code is in the library, which may be
// closed by the time the Error is read.
template <typename Call>
auto named(const std::filesystem::path& path, std::string_view what,
           const Call& call) {
  try {
    return call();
  } catch (const std::exception& error) {
    throw Error(fmt::format("acceptor {}: {} threw: {}", path.string(), what,
                            error.what()));
  } catch (...) {
    throw Error(fmt::format(
        "acceptor {}: {} threw something that is not a std::exception",
        path.string(), what));
  }
}

// An acceptor from a library. It is asked for its description once, while it is
// loaded, where an exception can still be reported.
class LoadedAcceptor final : public TokenAcceptor {
 public:
  LoadedAcceptor(const std::filesystem::path& path,
                 std::shared_ptr<const TokenAcceptor> inner)
      : inner_(std::move(inner)) {
    named(path, "its description", [this] {
      name_ = inner_->name();
      lossless_ = inner_->lossless();
      draft_noise_ = inner_->draft_noise();
      takes_trees_ = inner_->takes_trees();
    });
  }

  std::string_view name() const override { return name_; }
  bool lossless() const override { return lossless_; }
  DraftNoise draft_noise() const override { return draft_noise_; }
  bool takes_trees() const override { return takes_trees_; }
  Verdict accept(const Verification& verification) const override {
    return inner_->accept(verification);
  }

 private:
  std::shared_ptr<const TokenAcceptor> inner_;
  std::string name_;
  bool lossless_ = false;
  DraftNoise draft_noise_ = DraftNoise::kOwn;
  bool takes_trees_ = false;
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
  TokenAcceptor* const made =
      named(path, "its constructor", [&] { return make(); });
  if (made == nullptr) {
    throw Error(fmt::format("acceptor {}: pilotfish_make_acceptor gave nothing",
                            path.string()));
  }
  std::shared_ptr<const TokenAcceptor> acceptor(
      made, [library, free](const TokenAcceptor* old) {
        free(const_cast<TokenAcceptor*>(old));
      });
  return std::make_shared<LoadedAcceptor>(path, std::move(acceptor));
}

}  // namespace pilotfish
