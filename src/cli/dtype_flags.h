#ifndef PILOTFISH_CLI_DTYPE_FLAGS_H_
#define PILOTFISH_CLI_DTYPE_FLAGS_H_

#include <optional>
#include <string>
#include <string_view>

#include "pilotfish/dtype.h"

// The flags that say how numbers are stored.
namespace pilotfish::cli {

class Flag;
class FlagGroup;

// Declares a flag such as --dtype, whose values shell completion knows.
Flag add_dtype_flag(const FlagGroup& group, const std::string& name,
                    std::string& target, const std::string& help);
// nullopt for an empty name. Throws UsageError, naming the flag, for an unknown
// one.
std::optional<DType> dtype_of(std::string_view flag, const std::string& name);

// Declares --kv-dtype; `target` holds the default.
void add_kv_dtype_flag(const FlagGroup& group, std::string& target);
// Parses the value of --kv-dtype. Throws UsageError.
DType kv_dtype_of(const std::string& name);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_DTYPE_FLAGS_H_
