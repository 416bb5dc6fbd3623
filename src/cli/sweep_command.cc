#include "cli/sweep_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "cli/shell_word.h"
#include "pilotfish/drafters.h"

namespace pilotfish::cli {
namespace {

using Drafters = std::vector<std::string>;

// Whether a flag that the sweep was given says something about decoding with
// `drafters`, and is not what the sweep itself chose.
bool passes_on(const std::string& flag, const Session& session,
               const Drafters& drafters) {
  static const std::set<std::string> kChosen = {
      "model",    "draft",       "window",       "draft-max", "drafter",
      "acceptor", "temperature", "reproducible", "help"};
  if (kChosen.contains(flag)) return false;
  if (flag == "draft-dtype" || flag == "tree-width") {
    return any_takes(drafters, DraftInput::kDraftModel);
  }
  if (flag == "corpus") return any_takes(drafters, DraftInput::kCorpus);
  if (flag == "prediction") return any_takes(drafters, DraftInput::kPrediction);
  if (flag == "draft-layers") {  // the target's, where a drafter takes them
    return any_takes(drafters,
                     any_takes(session.engine.drafters, DraftInput::kLayers)
                         ? DraftInput::kLayers
                         : DraftInput::kDraftModel);
  }
  return true;
}

std::string passed_on(const Command& sweep, const Session& session,
                      const Drafters& drafters) {
  std::string text;
  for (const GivenFlag& flag : sweep.given()) {
    if (flag.heading == "Sweep" || !passes_on(flag.name, session, drafters)) {
      continue;
    }
    const std::string name = " --" + flag.name;
    if (flag.values.empty()) text += name;
    for (const std::string& value : flag.values) {
      text += name + " " + shell_word(value);
    }
  }
  return text;
}

std::string setting_text(const Session& session, const SweepSetting& setting) {
  std::string text;
  const Drafters& drafters = setting.drafters;
  if (any_takes(drafters, DraftInput::kDraftModel)) {
    text += " -d " + shell_word(session.draft->path().string());
  }
  if (drafters != Drafters{"model"}) {
    text += fmt::format(" --drafter {}", fmt::join(drafters, ","));
  }
  text += fmt::format(" -k {} --acceptor {}", window_text(setting.window),
                      shell_word(setting.acceptor));
  return text;
}

// Of the setting, or where plain decoding is best the first that was measured.
// A flag that needs --temperature finds it, if only as 0.
std::string temperature_text(const Command& sweep,
                             const SweepComparison* best) {
  if (best && best->setting.temperature > 0) {
    return fmt::format(" --temperature {}", best->setting.temperature);
  }
  for (const GivenFlag& flag : sweep.given()) {
    if (flag.name == "temperature")
      return " --temperature " + flag.values.back();
    if (flag.name == "temperatures") {
      const std::string& all = flag.values.back();
      return " --temperature " + all.substr(0, all.find(','));
    }
  }
  return "";
}

}  // namespace

std::string best_command(const Command& sweep, const Session& session,
                         const SweepComparison* best) {
  std::string text =
      "pilotfish generate -m " + shell_word(session.target->path().string());
  text += best ? setting_text(session, best->setting) : " -d none";
  text += temperature_text(sweep, best);
  return text +
         passed_on(sweep, session, best ? best->setting.drafters : Drafters());
}

}  // namespace pilotfish::cli
