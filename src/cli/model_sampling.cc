#include "cli/model_sampling.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <variant>
#include <vector>

#include "cli/flags.h"
#include "cli/terminal.h"
#include "pilotfish/recommended_sampling.h"

namespace pilotfish::cli {

namespace {

bool contains(const std::vector<GivenFlag>& given, std::string_view flag) {
  return std::ranges::count(given, flag, &GivenFlag::name) > 0;
}

}  // namespace

void use_model_sampling(const Command& command, Session& session) {
  const std::vector<GivenFlag> given = command.given();
  const RecommendedSampling recommended =
      recommended_sampling(session.target->path());
  SamplingParams& sampling = session.request.sampling;
  // Then what chooses among draws means nothing.
  const bool greedy =
      contains(given, "temperature") && sampling.temperature == 0;
  bool changed = false;
  for (const SamplingField& field : kSamplingFields) {
    if (std::ranges::count(recommended.stated, field.name) == 0 ||
        contains(given, field.flag()) ||
        (greedy && field.name != "repetition_penalty")) {
      continue;
    }
    std::visit(
        [&](auto member) {
          changed = changed || sampling.*member != recommended.params.*member;
          sampling.*member = recommended.params.*member;
        },
        field.member);
  }
  if (!changed) return;
  print_note(
      fmt::format("sampling: {} (the model's generation_config.json; "
                  "flags override it)",
                  sampling_text(sampling)));
}

}  // namespace pilotfish::cli
