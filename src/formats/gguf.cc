#include "formats/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <limits>
#include <set>
#include <utility>

#include "formats/extents.h"
#include "formats/ggml_type.h"
#include "formats/in_quotes.h"
#include "formats/known_mistake.h"
#include "pilotfish/error.h"

static_assert(std::endian::native == std::endian::little,
              "GGUF and safetensors are read in place");

namespace pilotfish {
namespace {

// Numbers of value types (enum gguf_type).
enum class ValueType : std::uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

constexpr std::uint64_t kDefaultAlignment = 32;
constexpr std::uint64_t kMaxAlignment = std::uint64_t{1} << 30;
constexpr std::uint32_t kMaxDimensions = 4;  // GGML_MAX_DIMS

// Least bytes that an entry takes: what a count is checked against before
// anything is allocated by it.
constexpr std::uint64_t kLeastPairBytes = 8 + 4 + 1;
constexpr std::uint64_t kLeastTensorBytes = 8 + 4 + 4 + 8;

// Reads a header from front to back, checking every step against the file.
class Cursor {
 public:
  explicit Cursor(const MappedFile& file) : file_(file) {}

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{}: {}", file_.path().string(), what));
  }

  std::uint64_t position() const { return position_; }
  std::uint64_t left() const { return file_.bytes().size() - position_; }

  template <typename T>
  T read(std::string_view what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what), sizeof(T));
    return value;
  }

  std::string_view read_text(std::string_view what) {
    const auto length = read<std::uint64_t>(what);
    return {reinterpret_cast<const char*>(take(length, what)),
            static_cast<size_t>(length)};
  }

  // A count of things that take at least `least_bytes` each.
  std::uint64_t read_count(std::uint64_t least_bytes, std::string_view what) {
    const auto count = read<std::uint64_t>(what);
    if (count > left() / least_bytes) {
      fail(
          fmt::format("{} is {}, but only {} bytes follow: the file is "
                      "truncated or damaged",
                      what, count, left()));
    }
    return count;
  }

 private:
  const std::byte* take(std::uint64_t bytes, std::string_view what) {
    if (bytes > left()) {
      fail(
          fmt::format("truncated or damaged: {} at byte {} needs {} bytes, "
                      "but only {} follow",
                      what, position_, bytes, left()));
    }
    const std::byte* start = file_.bytes().data() + position_;
    position_ += bytes;
    return start;
  }

  const MappedFile& file_;
  std::uint64_t position_ = 0;
};

bool read_bool(Cursor& cursor, const std::string& what) {
  const auto value = cursor.read<std::uint8_t>(what);
  if (value > 1) {
    cursor.fail(
        fmt::format("{}: found {} for a bool, expected 0 or 1", what, value));
  }
  return value == 1;
}

template <typename Stored, typename Wide, typename Read>
std::vector<Wide> read_array(Cursor& cursor, const std::string& what,
                             const Read& read_one) {
  const std::uint64_t count = cursor.read_count(
      std::is_same_v<Stored, std::string> ? 8 : sizeof(Stored), what);
  std::vector<Wide> values;
  values.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    values.push_back(read_one(cursor));
  }
  return values;
}

template <typename Stored>
std::vector<std::int64_t> read_integers(Cursor& cursor,
                                        const std::string& what) {
  return read_array<Stored, std::int64_t>(cursor, what, [&](Cursor& c) {
    const auto value = c.read<Stored>(what);
    if (!std::in_range<std::int64_t>(value)) {
      c.fail(fmt::format("{}: {} does not fit 63 bits", what, value));
    }
    return static_cast<std::int64_t>(value);
  });
}

template <typename Stored>
std::vector<double> read_floats(Cursor& cursor, const std::string& what) {
  return read_array<Stored, double>(
      cursor, what, [&](Cursor& c) { return double{c.read<Stored>(what)}; });
}

GgufValue read_array_value(Cursor& cursor, const std::string& what) {
  const auto type = cursor.read<std::uint32_t>(what);
  switch (static_cast<ValueType>(type)) {
    case ValueType::kUint8:
      return read_integers<std::uint8_t>(cursor, what);
    case ValueType::kInt8:
      return read_integers<std::int8_t>(cursor, what);
    case ValueType::kUint16:
      return read_integers<std::uint16_t>(cursor, what);
    case ValueType::kInt16:
      return read_integers<std::int16_t>(cursor, what);
    case ValueType::kUint32:
      return read_integers<std::uint32_t>(cursor, what);
    case ValueType::kInt32:
      return read_integers<std::int32_t>(cursor, what);
    case ValueType::kUint64:
      return read_integers<std::uint64_t>(cursor, what);
    case ValueType::kInt64:
      return read_integers<std::int64_t>(cursor, what);
    case ValueType::kFloat32:
      return read_floats<float>(cursor, what);
    case ValueType::kFloat64:
      return read_floats<double>(cursor, what);
    case ValueType::kBool:
      return read_array<std::uint8_t, bool>(
          cursor, what, [&](Cursor& c) { return read_bool(c, what); });
    case ValueType::kString:
      return read_array<std::string, std::string>(cursor, what, [&](Cursor& c) {
        return std::string(c.read_text(what));
      });
    case ValueType::kArray:
      cursor.fail(fmt::format("{}: an array of arrays is not supported", what));
  }
  cursor.fail(fmt::format("{}: unknown type {} of array elements", what, type));
}

GgufValue read_value(Cursor& cursor, const std::string& what) {
  const auto type = cursor.read<std::uint32_t>(what);
  switch (static_cast<ValueType>(type)) {
    case ValueType::kUint8:
      return std::uint64_t{cursor.read<std::uint8_t>(what)};
    case ValueType::kInt8:
      return std::int64_t{cursor.read<std::int8_t>(what)};
    case ValueType::kUint16:
      return std::uint64_t{cursor.read<std::uint16_t>(what)};
    case ValueType::kInt16:
      return std::int64_t{cursor.read<std::int16_t>(what)};
    case ValueType::kUint32:
      return std::uint64_t{cursor.read<std::uint32_t>(what)};
    case ValueType::kInt32:
      return std::int64_t{cursor.read<std::int32_t>(what)};
    case ValueType::kUint64:
      return cursor.read<std::uint64_t>(what);
    case ValueType::kInt64:
      return cursor.read<std::int64_t>(what);
    case ValueType::kFloat32:
      return double{cursor.read<float>(what)};
    case ValueType::kFloat64:
      return cursor.read<double>(what);
    case ValueType::kBool:
      return read_bool(cursor, what);
    case ValueType::kString:
      return std::string(cursor.read_text(what));
    case ValueType::kArray:
      return read_array_value(cursor, what);
  }
  cursor.fail(fmt::format("{}: unknown value type {}", what, type));
}

void check_magic_and_version(const MappedFile& file, Cursor& cursor) {
  if (const auto mistake = known_mistake(file.text())) {
    cursor.fail(std::string(*mistake));
  }
  if (cursor.left() < 8 || cursor.read<std::uint32_t>("magic") != 0x46554747) {
    cursor.fail(
        "not a GGUF file: it does not start with \"GGUF\"; expected a GGUF "
        "file or a Hugging Face folder");
  }
  const auto version = cursor.read<std::uint32_t>("version");
  if (version != 0 && (version & 0xffff) == 0) {
    cursor.fail(
        "a big-endian GGUF file; only little-endian ones are supported");
  }
  if (version != 2 && version != 3) {
    cursor.fail(fmt::format(
        "GGUF version {} is not supported, only 2 and 3 are", version));
  }
}

GgufMetadata read_metadata(Cursor& cursor, std::uint64_t count,
                           const std::string& file) {
  std::map<std::string, GgufValue, std::less<>> values;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string key(cursor.read_text(fmt::format("metadata key {}", i)));
    const std::string what = "key " + in_quotes(key);
    if (values.contains(key)) cursor.fail(what + " appears twice");
    GgufValue value = read_value(cursor, what);
    values.emplace(std::move(key), std::move(value));
  }
  return GgufMetadata(file, std::move(values));
}

// Offsets count from the start of the data until the header has been read, as
// only its end tells where that is.
struct TensorInfo {
  TensorView view;
  std::uint32_t type;  // as the file numbers it
  bool readable;       // else the view has no dtype and no bytes
  std::uint64_t offset;
};

std::vector<std::int64_t> read_shape(Cursor& cursor, const std::string& what) {
  const auto dimensions = cursor.read<std::uint32_t>(what);
  if (dimensions > kMaxDimensions) {
    cursor.fail(fmt::format("{} has {} dimensions, expected at most {}", what,
                            dimensions, kMaxDimensions));
  }
  std::vector<std::int64_t> shape(dimensions);
  for (std::int64_t& extent : shape) {
    const auto stored = cursor.read<std::uint64_t>(what);
    if (!std::in_range<std::int64_t>(stored)) {
      cursor.fail(fmt::format("{}: extent {} is too large", what, stored));
    }
    extent = static_cast<std::int64_t>(stored);
  }
  std::reverse(shape.begin(), shape.end());
  return shape;
}

TensorInfo read_tensor_info(Cursor& cursor, std::uint64_t index) {
  TensorInfo info;
  TensorView& view = info.view;
  view.name = cursor.read_text(fmt::format("name of tensor {}", index));
  const std::string what = "tensor " + in_quotes(view.name);
  view.shape = read_shape(cursor, what);

  info.type = cursor.read<std::uint32_t>(what);
  const auto dtype = dtype_of_ggml_type(info.type);
  info.readable = dtype.has_value();
  if (!dtype) {
    info.offset = cursor.read<std::uint64_t>(what);
    return info;
  }
  view.dtype = *dtype;
  const auto bytes = checked_bytes(view.dtype, view.shape);
  if (!bytes) {
    cursor.fail(
        fmt::format("{}: shape {} is too large for {}, or its rows are "
                    "not whole blocks of {} elements",
                    what, shape_text(view.shape), dtype_name(*dtype),
                    block_shape(*dtype).elements));
  }
  view.bytes = *bytes;
  info.offset = cursor.read<std::uint64_t>(what);
  return info;
}

std::vector<TensorInfo> read_tensor_infos(Cursor& cursor, std::uint64_t count) {
  std::vector<TensorInfo> infos;
  infos.reserve(count);
  std::set<std::string_view> names;  // into `infos`, which does not move
  for (std::uint64_t i = 0; i < count; ++i) {
    infos.push_back(read_tensor_info(cursor, i));
    const std::string& name = infos.back().view.name;
    if (!names.insert(name).second) {
      cursor.fail(fmt::format("tensor {} appears twice", in_quotes(name)));
    }
  }
  return infos;
}

std::uint64_t read_alignment(const Cursor& cursor,
                             const GgufMetadata& metadata) {
  const auto value = metadata.integer("general.alignment");
  if (!value) return kDefaultAlignment;
  const auto alignment = static_cast<std::uint64_t>(*value);
  if (!std::has_single_bit(alignment) || alignment > kMaxAlignment) {
    cursor.fail(
        fmt::format("key \"general.alignment\": found {}, expected a "
                    "power of two of at most {}",
                    *value, kMaxAlignment));
  }
  return alignment;
}

void check_disjoint(const Cursor& cursor,
                    const std::vector<TensorInfo>& infos) {
  std::vector<const TensorInfo*> order;
  for (const TensorInfo& info : infos) {
    if (info.view.bytes > 0) order.push_back(&info);
  }
  std::sort(order.begin(), order.end(),
            [](const TensorInfo* a, const TensorInfo* b) {
              return a->offset < b->offset;
            });
  for (size_t i = 1; i < order.size(); ++i) {
    const TensorInfo& before = *order[i - 1];
    if (before.offset + static_cast<std::uint64_t>(before.view.bytes) >
        order[i]->offset) {
      cursor.fail(fmt::format("tensors {} and {} overlap",
                              in_quotes(before.view.name),
                              in_quotes(order[i]->view.name)));
    }
  }
}

// Points every tensor into the file, whose data starts at the next multiple of
// `alignment`.
void place_tensors(const Cursor& cursor, const MappedFile& file,
                   std::uint64_t alignment, std::vector<TensorInfo>& infos) {
  const std::uint64_t size = file.bytes().size();
  const std::uint64_t start =
      (cursor.position() + alignment - 1) / alignment * alignment;
  const std::uint64_t data_bytes = start > size ? 0 : size - start;
  for (TensorInfo& info : infos) {
    const std::string what = "tensor " + in_quotes(info.view.name);
    if (info.offset % alignment != 0) {
      cursor.fail(fmt::format("{} has offset {}, expected a multiple of {}",
                              what, info.offset, alignment));
    }
    const auto bytes = static_cast<std::uint64_t>(info.view.bytes);
    if (info.offset > data_bytes || bytes > data_bytes - info.offset) {
      cursor.fail(
          fmt::format("{} needs {} bytes at {} of the data, which has "
                      "{}: the file is truncated or damaged",
                      what, bytes, info.offset, data_bytes));
    }
    info.view.data =
        bytes == 0 ? nullptr : file.bytes().data() + start + info.offset;
  }
  check_disjoint(cursor, infos);
}

}  // namespace

GgufFile parse_gguf(const MappedFile& file) {
  Cursor cursor(file);
  check_magic_and_version(file, cursor);
  const std::uint64_t tensor_count =
      cursor.read_count(kLeastTensorBytes, "the number of tensors");
  const std::uint64_t pair_count =
      cursor.read_count(kLeastPairBytes, "the number of metadata keys");

  GgufMetadata metadata =
      read_metadata(cursor, pair_count, file.path().string());
  const std::uint64_t alignment = read_alignment(cursor, metadata);
  std::vector<TensorInfo> infos = read_tensor_infos(cursor, tensor_count);
  place_tensors(cursor, file, alignment, infos);

  GgufFile result{std::move(metadata), {}, {}, file};
  result.tensors.reserve(infos.size());
  for (TensorInfo& info : infos) {
    if (info.readable) {
      result.tensors.push_back(std::move(info.view));
    } else {
      result.unreadable.emplace(std::move(info.view.name),
                                ggml_type_text(info.type));
    }
  }
  return result;
}

}  // namespace pilotfish
