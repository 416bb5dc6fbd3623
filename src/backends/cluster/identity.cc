#include "backends/cluster/identity.h"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "formats/extents.h"
#include "kernels/kernels.h"

namespace pilotfish {
namespace {

constexpr std::int64_t kSampleBytes = 1024;  // of each tensor

// FNV-1a: the same on every machine.
class StableHash {
 public:
  void add(const void* data, size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(data);
    for (size_t i = 0; i < size; ++i) {
      value_ = (value_ ^ bytes[i]) * 0x100000001b3U;
    }
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325U;
};

// The GNU build id among the notes of a program header.
std::string build_id_in(const char* notes, size_t size) {
  std::string id;
  for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= size;) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes + at, sizeof note);
    const size_t name = at + sizeof note;
    const size_t content = name + (note.n_namesz + 3) / 4 * 4;
    if (note.n_type == NT_GNU_BUILD_ID &&
        std::string_view(notes + name, 3) == "GNU") {
      for (size_t i = 0; i < note.n_descsz; ++i) {
        id += fmt::format("{:02x}",
                          static_cast<unsigned char>(notes[content + i]));
      }
      return id;
    }
    at = content + (note.n_descsz + 3) / 4 * 4;
  }
  return id;
}

// Of the program itself, the first object that is visited.
int find_build_id(dl_phdr_info* info, size_t, void* out) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    const auto id = build_id_in(
        reinterpret_cast<const char*>(info->dlpi_addr + header.p_vaddr),
        header.p_memsz);
    if (!id.empty()) *static_cast<std::string*>(out) = id;
  }
  return 1;
}

}  // namespace

std::string build_identity() {
  std::string id;
  ::dl_iterate_phdr(find_build_id, &id);
  return fmt::format("{} ({})", PILOTFISH_VERSION,
                     id.empty() ? "no build id" : id.substr(0, 12));
}

Identity identify(const Checkpoint& checkpoint, const std::string& set) {
  StableHash hash;
  for (const TensorView& tensor : checkpoint.tensors()) {
    hash.add(tensor.name.data(), tensor.name.size());
    hash.add(&tensor.dtype, sizeof tensor.dtype);
    hash.add(tensor.shape.data(),
             tensor.shape.size() * sizeof(tensor.shape[0]));
    hash.add(tensor.data,
             static_cast<size_t>(std::min(kSampleBytes, tensor.bytes)));
  }
  return {.error = {},
          .is_usage_error = false,
          .build = build_identity(),
          .instruction_set = std::string(
              (set.empty() ? best_kernels() : kernels_named(set)).name),
          .weights = hash.value()};
}

std::string difference(const Identity& first, const Identity& other,
                       bool mixed_sets) {
  if (other.build != first.build) {
    return fmt::format(
        "it runs pilotfish {}, rank 0 runs {}; start the same "
        "program on every host",
        other.build, first.build);
  }
  if (!other.error.empty()) return other.error;
  if (other.weights != first.weights) {
    return "the model under this path is another one than rank 0's; give "
           "every host the same files";
  }
  if (other.instruction_set != first.instruction_set && !mixed_sets) {
    return fmt::format(
        "it computes with {}, rank 0 with {}, so texts would have other bits; "
        "set PILOTFISH_ISA to one that all have, or allow it with --mixed-isa",
        other.instruction_set, first.instruction_set);
  }
  return {};
}

}  // namespace pilotfish
