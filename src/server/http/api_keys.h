#ifndef PILOTFISH_SERVER_HTTP_API_KEYS_H_
#define PILOTFISH_SERVER_HTTP_API_KEYS_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pilotfish::server {

// The keys with which clients may use a server.
class ApiKeys {
 public:
  // A file has a key a line; empty lines and those that begin with # are none.
  // Throws Error for a file that cannot be read or has no key.
  static std::vector<std::string> keys_in(const std::filesystem::path& file);
  static ApiKeys read(const std::filesystem::path& file) {
    return ApiKeys(keys_in(file));
  }
  explicit ApiKeys(const std::vector<std::string>& keys);

  // Takes the same time for every text of a length.
  bool accept(std::string_view key) const;
  // Looks for it in "Authorization: Bearer KEY" and "x-api-key: KEY".
  bool accept(const std::map<std::string, std::string>& headers) const;

 private:
  using Digest = std::array<unsigned char, 32>;
  static Digest digest_of(std::string_view text);

  std::vector<Digest> digests_;
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_HTTP_API_KEYS_H_
