#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/cpu_features.h"
#include "kernels/cpu/sets.h"
#include "kernels/kernels.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

struct Entry {
  const Kernels* kernels;
  bool supported;  // by this processor
};

// Slowest first.
const std::vector<Entry>& compiled() {
  static const std::vector<Entry> entries = {
    {&scalar::kKernels, true},
#if defined(__x86_64__)
    {&avx2::kKernels, cpu_features().avx2},
    {&avx2::kVnniKernels, cpu_features().avx_vnni},
    {&avx512::kKernels, cpu_features().avx512},
    {&avx512::kVnniKernels, cpu_features().avx512_vnni},
    {&avx512::kBf16Kernels,
     cpu_features().avx512_bf16 && cpu_features().avx512_vnni},
#endif
  };
  return entries;
}

std::string names(std::span<const Kernels* const> sets) {
  std::vector<std::string_view> list;
  for (const Kernels* set : sets) list.push_back(set->name);
  return fmt::format("{}", fmt::join(list, ", "));
}

}  // namespace

std::span<const Kernels* const> available_kernels() {
  static const std::vector<const Kernels*> available = [] {
    std::vector<const Kernels*> result;
    for (const Entry& entry : compiled()) {
      if (entry.supported) result.push_back(entry.kernels);
    }
    return result;
  }();
  return available;
}

std::vector<std::string_view> missing_kernels() {
  std::vector<std::string_view> missing;
  for (const Entry& entry : compiled()) {
    if (!entry.supported) missing.push_back(entry.kernels->name);
  }
  return missing;
}

const Kernels& kernels_named(std::string_view name) {
  for (const Entry& entry : compiled()) {
    if (entry.kernels->name != name) continue;
    if (entry.supported) return *entry.kernels;
    throw UsageError(
        fmt::format("instruction set '{}': this processor lacks it; it runs {}",
                    name, names(available_kernels())));
  }
  throw UsageError(
      fmt::format("instruction set '{}': no such set; this processor runs {}",
                  name, names(available_kernels())));
}

const Kernels& best_kernels() {
  const char* forced = std::getenv("PILOTFISH_ISA");
  if (forced == nullptr || *forced == '\0') return *available_kernels().back();
  try {
    return kernels_named(forced);
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("PILOTFISH_ISA: {}", error.what()));
  }
}

}  // namespace pilotfish
