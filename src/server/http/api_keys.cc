#include "server/http/api_keys.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "pilotfish/error.h"

namespace pilotfish::server {
namespace {

std::string_view without_spaces(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r";
  const std::size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

bool is_bearer(std::string_view word) {
  constexpr std::string_view kBearer = "bearer";
  if (word.size() != kBearer.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if ((word[i] | 0x20) != kBearer[i]) return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> ApiKeys::keys_in(const std::filesystem::path& file) {
  std::ifstream input(file);
  if (!input || std::filesystem::is_directory(file)) {
    throw Error(fmt::format("{}: cannot be read: {}", file.string(),
                            std::generic_category().message(errno)));
  }
  std::vector<std::string> keys;
  for (std::string line; std::getline(input, line);) {
    const std::string_view key = without_spaces(line);
    if (!key.empty() && key[0] != '#') keys.emplace_back(key);
  }
  if (keys.empty()) {
    throw Error(
        fmt::format("{}: holds no key, expected one a line", file.string()));
  }
  return keys;
}

ApiKeys::ApiKeys(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) digests_.push_back(digest_of(key));
}

// Digests are all of one length, and say nothing of where two keys differ.
bool ApiKeys::accept(std::string_view key) const {
  const Digest digest = digest_of(key);
  bool found = false;
  for (const Digest& known : digests_) {
    found |= CRYPTO_memcmp(known.data(), digest.data(), digest.size()) == 0;
  }
  return found;
}

bool ApiKeys::accept(const std::map<std::string, std::string>& headers) const {
  if (const auto found = headers.find("authorization");
      found != headers.end()) {
    const std::string_view value = found->second;
    const std::size_t space = value.find(' ');
    if (space != std::string_view::npos && is_bearer(value.substr(0, space)) &&
        accept(without_spaces(value.substr(space)))) {
      return true;
    }
  }
  const auto found = headers.find("x-api-key");
  return found != headers.end() && accept(without_spaces(found->second));
}

ApiKeys::Digest ApiKeys::digest_of(std::string_view text) {
  Digest digest{};
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(),
                 nullptr) != 1) {
    throw Error("OpenSSL has no SHA-256");
  }
  return digest;
}

}  // namespace pilotfish::server
