#include "cli/dtype_flags.h"

#include <fmt/format.h>

#include "cli/flags.h"
#include "pilotfish/error.h"
#include "pilotfish/kv_cache.h"

namespace pilotfish::cli {

Flag add_dtype_flag(const FlagGroup& group, const std::string& name,
                    std::string& target, const std::string& help) {
  return group.add(name, target, "TYPE", help)
      .offers({"bf16", "f16", "f32", "q8_0", "q4_0"});
}

std::optional<DType> dtype_of(std::string_view flag, const std::string& name) {
  if (name.empty()) return std::nullopt;
  if (const auto dtype = parse_dtype(name)) return dtype;
  throw UsageError(fmt::format(
      "{}: found \"{}\", expected a type such as bf16, f16, f32, q8_0 or q4_0",
      flag, name));
}

void add_kv_dtype_flag(const FlagGroup& group, std::string& target) {
  group
      .add("--kv-dtype", target, "TYPE",
           fmt::format("Storage of keys and values: f16, bf16, f32 or q8_0 "
                       "(default: {})",
                       target))
      .offers({"f16", "bf16", "f32", "q8_0"});
}

DType kv_dtype_of(const std::string& name) {
  const auto dtype = parse_dtype(name);
  if (dtype && KvCache::stores(*dtype)) return *dtype;
  throw UsageError(fmt::format(
      "--kv-dtype: found \"{}\", expected f16, bf16, f32 or q8_0", name));
}

}  // namespace pilotfish::cli
