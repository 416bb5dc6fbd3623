#include "cli/model_flag.h"

#include <fmt/format.h>

#include "pilotfish/error.h"
#include "pilotfish/model_path.h"
#include "pilotfish/pair.h"

namespace pilotfish::cli {

Flag add_model_flag(const FlagGroup& group, std::string& model,
                    const std::string& names, const std::string& kind) {
  return group.add(names, model, "MODEL",
                   kind +
                       ", or ORG/NAME in the Hugging Face cache (default: "
                       "the model that comes with pilotfish)");
}

std::string target_path(const std::string& model) {
  if (!model.empty()) return find_model(model).string();
  if (const auto shipped = shipped_model(kShippedTarget)) {
    return shipped->string();
  }
  throw UsageError(fmt::format(
      "-m is missing: name a Hugging Face folder or a GGUF file (the default "
      "model, models/{}, is not there)",
      kShippedTarget));
}

std::string draft_path(const std::string& model) {
  return model == "none" ? "" : find_model(model).string();
}

}  // namespace pilotfish::cli
