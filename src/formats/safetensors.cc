#include "formats/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "formats/extents.h"
#include "formats/in_quotes.h"
#include "formats/json.h"
#include "formats/known_mistake.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using nlohmann::json;

// What the reference implementation allows; a model of 10,000 tensors has 1 MB.
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

struct Entry {
  TensorView view;
  std::string dtype;  // as the file spells it
  std::optional<DType> readable;
  std::int64_t begin = 0;  // in the data
  std::int64_t end = 0;
};

std::optional<DType> readable_dtype(std::string_view name) {
  if (name == "F32") return DType::kF32;
  if (name == "F16") return DType::kF16;
  if (name == "BF16") return DType::kBF16;
  return std::nullopt;
}

// The entry of one tensor, {"dtype": "F32", "shape": [2], "data_offsets":
// [0, 8]}.
class EntryReader {
 public:
  EntryReader(const std::string& file, const std::string& name,
              const json& value)
      : where_(fmt::format("{}: tensor {}", file, in_quotes(name))),
        value_(value) {}

  Entry read(const std::string& name) const {
    if (!value_.is_object()) fail("found no JSON object for it");
    Entry entry;
    entry.view.name = name;
    const json& dtype = member("dtype");
    if (!dtype.is_string()) fail("\"dtype\" is not a string");
    entry.dtype = dtype.get<std::string>();
    entry.readable = readable_dtype(entry.dtype);
    entry.view.shape = naturals("shape");

    const std::vector<std::int64_t> offsets = naturals("data_offsets");
    if (offsets.size() != 2 || offsets[0] > offsets[1]) {
      fail(fmt::format("\"data_offsets\": found {}, expected [begin, end]",
                       shape_text(offsets)));
    }
    entry.begin = offsets[0];
    entry.end = offsets[1];
    if (entry.readable) check_extent(entry);
    return entry;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{}: {}", where_, what));
  }

  const json& member(const char* key) const {
    const auto found = value_.find(key);
    if (found == value_.end()) fail(fmt::format("\"{}\" is missing", key));
    return *found;
  }

  std::vector<std::int64_t> naturals(const char* key) const {
    const json& array = member(key);
    if (!array.is_array()) fail(fmt::format("\"{}\" is not an array", key));
    std::vector<std::int64_t> values;
    for (const json& element : array) {
      if (!element.is_number_unsigned() ||
          !std::in_range<std::int64_t>(element.get<std::uint64_t>())) {
        fail(fmt::format("\"{}\" holds something that is not a natural number",
                         key));
      }
      values.push_back(element.get<std::int64_t>());
    }
    return values;
  }

  void check_extent(Entry& entry) const {
    entry.view.dtype = *entry.readable;
    entry.view.bytes = entry.end - entry.begin;
    const auto bytes = checked_bytes(entry.view.dtype, entry.view.shape);
    if (bytes != entry.view.bytes) {
      fail(fmt::format(
          "\"data_offsets\" give it {} bytes, but shape {} of {} "
          "takes {}",
          entry.view.bytes, shape_text(entry.view.shape), entry.dtype,
          bytes ? std::to_string(*bytes) : "too many to count"));
    }
  }

  std::string where_;
  const json& value_;
};

// The JSON text at the front of the file.
std::string_view header_text(const MappedFile& file) {
  const std::string_view text = file.text();
  const std::string name = file.path().string();
  if (const auto mistake = known_mistake(text)) {
    throw Error(fmt::format("{}: {}", name, *mistake));
  }
  std::uint64_t length = 0;
  if (text.size() < sizeof(length)) {
    throw Error(fmt::format(
        "{}: no safetensors file: it has {} bytes, expected at least {}", name,
        text.size(), sizeof(length)));
  }
  std::memcpy(&length, text.data(), sizeof(length));
  const size_t left = text.size() - sizeof(length);
  if (length > left || length > kMaxHeaderBytes) {
    throw Error(fmt::format(
        "{}: the header is said to have {} bytes, but {} follow (and at most "
        "{} are allowed): no safetensors file, or truncated or damaged",
        name, length, left, kMaxHeaderBytes));
  }
  if (length == 0) {
    throw Error(fmt::format("{}: header: not valid JSON: it is empty", name));
  }
  return text.substr(sizeof(length), length);
}

// Points every tensor into `data`, which they must fill without holes or
// overlaps.
void place(std::vector<Entry>& entries, std::string_view data,
           const std::string& file) {
  // An empty tensor comes before the one that starts where it lies.
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::int64_t covered = 0;
  for (Entry& entry : entries) {
    if (entry.begin != covered) {
      throw Error(fmt::format(
          "{}: tensor {} starts at byte {} of the data, expected {}: tensors "
          "overlap or leave a hole",
          file, in_quotes(entry.view.name), entry.begin, covered));
    }
    if (!std::in_range<size_t>(entry.end) ||
        static_cast<size_t>(entry.end) > data.size()) {
      throw Error(fmt::format(
          "{}: tensor {} ends at byte {} of the data, which has {}: the file "
          "is truncated or damaged",
          file, in_quotes(entry.view.name), entry.end, data.size()));
    }
    if (entry.end > entry.begin) {
      entry.view.data =
          reinterpret_cast<const std::byte*>(data.data()) + entry.begin;
    }
    covered = entry.end;
  }
  if (static_cast<size_t>(covered) != data.size()) {
    throw Error(fmt::format(
        "{}: {} bytes follow the last tensor, expected none: the file is "
        "damaged",
        file, data.size() - static_cast<size_t>(covered)));
  }
}

}  // namespace

SafetensorsFile parse_safetensors(const MappedFile& file) {
  const std::string name = file.path().string();
  const std::string_view text = header_text(file);
  const json header = parse_json_object(text, name + ": header");

  std::vector<Entry> entries;
  entries.reserve(header.size());
  for (const auto& [key, value] : header.items()) {
    if (key == "__metadata__") continue;  // remarks for people
    entries.push_back(EntryReader(name, key, value).read(key));
  }
  place(entries, file.text().substr(sizeof(std::uint64_t) + text.size()), name);

  SafetensorsFile result{{}, {}, file};
  for (Entry& entry : entries) {
    if (entry.readable) {
      result.tensors.push_back(std::move(entry.view));
    } else {
      result.unreadable.emplace(std::move(entry.view.name),
                                std::move(entry.dtype));
    }
  }
  std::sort(
      result.tensors.begin(), result.tensors.end(),
      [](const TensorView& a, const TensorView& b) { return a.name < b.name; });
  return result;
}

}  // namespace pilotfish
