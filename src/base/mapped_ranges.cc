#include "base/mapped_ranges.h"

#include <cstdint>
#include <utility>

#include "base/signal_safe_list.h"

namespace pilotfish {
namespace {

struct Range {
  std::atomic<std::uintptr_t> begin = 0;
  std::atomic<std::uintptr_t> end = 0;  // 0: none
  std::atomic<const char*> path = nullptr;
};
using Ranges = SignalSafeList<Range>;

constinit Ranges mapped_ranges;

}  // namespace

MappedRange::MappedRange(const void* begin, size_t bytes, std::string path)
    : path_(std::move(path)), entry_(mapped_ranges.take()) {
  Range& range = static_cast<Ranges::Entry*>(entry_)->value;
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  range.begin = address;
  range.path = path_.c_str();
  range.end = address + bytes;
}

MappedRange::~MappedRange() {
  auto* entry = static_cast<Ranges::Entry*>(entry_);
  entry->value.end = 0;
  mapped_ranges.give_back(entry);
}

const char* path_of_mapped(const void* address) noexcept {
  const auto place = reinterpret_cast<std::uintptr_t>(address);
  for (auto* entry = mapped_ranges.first(); entry; entry = entry->next) {
    const Range& range = entry->value;
    const std::uintptr_t begin = range.begin;
    const std::uintptr_t end = range.end;
    // Where another thread has just used the entry again, the two ends are not
    // of one range, but then this is not the range of `address`.
    if (place >= begin && place < end && begin == range.begin) {
      return range.path;
    }
  }
  return nullptr;
}

}  // namespace pilotfish
