#ifndef PILOTFISH_FORMATS_GGUF_H_
#define PILOTFISH_FORMATS_GGUF_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/mapped_file.h"
#include "tensor/tensor.h"

namespace pilotfish {

// A value of GGUF metadata (versions 2 and 3; the specification is
// ggml/docs/gguf.md). All integer types are widened to 64 bits on reading, and
// arrays of them to arrays of 64-bit integers; nested arrays are refused.
using GgufValue =
    std::variant<bool, std::int64_t, std::uint64_t, double, std::string,
                 std::vector<bool>, std::vector<std::int64_t>,
                 std::vector<double>, std::vector<std::string>>;

// The metadata of one GGUF file. Immutable after reading.
class GgufMetadata {
 public:
  GgufMetadata() = default;
  GgufMetadata(std::string file,
               std::map<std::string, GgufValue, std::less<>> values)
      : file_(std::move(file)), values_(std::move(values)) {}

  const std::string& file() const { return file_; }
  const std::map<std::string, GgufValue, std::less<>>& values() const {
    return values_;
  }
  bool contains(std::string_view key) const { return values_.contains(key); }

  // The value of `key` as the type asked for; nullopt / nullptr where the key
  // is absent. Throws Error, naming file and key, where it has another type
  // (any integer type serves as integer, and an integer serves as number).
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  const std::string* string(std::string_view key) const;
  const std::vector<std::string>* strings(std::string_view key) const;
  const std::vector<double>* numbers(std::string_view key) const;
  const std::vector<std::int64_t>* integers(std::string_view key) const;
  // The values of a key for which some writers store one integer and others an
  // array; empty where the key is absent.
  std::vector<std::int64_t> integer_or_integers(std::string_view key) const;

 private:
  std::string file_;
  std::map<std::string, GgufValue, std::less<>> values_;
};

// One parsed GGUF file: metadata and where its tensors lie.
struct GgufFile {
  GgufMetadata metadata;
  std::vector<TensorView> tensors;  // in file order, pointing into `file`
  // Tensors of types that pilotfish does not read: name to type, "iq1_s (19)".
  // They do no harm until somebody asks for one.
  std::map<std::string, std::string, std::less<>> unreadable;
  MappedFile file;
};

// Parses and checks a whole header: counts against the file's size, types,
// alignment, every tensor's extent inside the file and not overlapping another.
// Throws Error.
GgufFile parse_gguf(const MappedFile& file);

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_GGUF_H_
